import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { doctorPage, doctorPagePath } from "../../bin/doctor-page.ts";
import { DoctorReport } from "../../contract/doctor-report.ts";
import { causes } from "../../runbooks/zama-kms/causes.ts";
import { logSignatures } from "../../runbooks/zama-kms/log-signatures.ts";

const page = await readFile(doctorPagePath, "utf8");
const root = new URL("../../", import.meta.url);

test("docs/doctor.md is what the tree and the signatures print: run node bin/doctor-page.ts after a change", () => {
  expect(doctorPage(page)).toBe(page);
});

test("docs/doctor.md has every cause, every signature and every field of the report", () => {
  for (const { code } of causes) expect(page).toContain(`| \`${code}\` |`);
  for (const { id } of logSignatures) expect(page).toContain(`| ${id} |`);
  for (const field of Object.keys(DoctorReport.shape)) if (field !== "schema") expect(page).toContain(`\`${field}\``);
  const tables = page.split(/\n(?!\|)/).filter((block) => block.includes("\n|"));
  for (const table of tables) {
    const rows = table.split("\n").filter((line) => line.startsWith("|"));
    expect(new Set(rows.map((line) => line.split(/(?<!\\)\|/).length)).size, table).toBe(1);
  }
});

test("whatever validate, the cluster check and the certificates find has its place in the tree", async () => {
  const known = new Set(causes.map(({ code }) => code));
  // A core's health is asked through its prober, a listener is of stage network, a certificate of the future is a clock's.
  const elsewhere = /^(HEALTH_(UNREACHABLE|DEGRADED|UNHEALTHY)|NOT_HEARD|CERTIFICATE_NOT_YET_VALID|COULD_NOT_TELL)$/;
  const codesIn = async (path: string) => {
    const text = await readFile(new URL(path, root), "utf8");
    return [...text.matchAll(/"([A-Z][A-Z]+(?:_[A-Z]+)+)"/g)].map(([, code]) => code ?? "");
  };
  const link = /code:([^;]+);/.exec(await readFile(new URL("runbooks/network/link.ts", root), "utf8"))?.[1] ?? "";
  const found = [
    ...[...link.matchAll(/"([A-Z_]+)"/g)].map(([, code]) => code ?? ""),
    ...(await codesIn("runbooks/zama-kms/judge-certificates.ts")),
    ...(await codesIn("runbooks/zama-kms/judge-cluster.ts")),
    "LINK_DOWN",
  ];
  expect(found.length).toBeGreaterThan(40);
  expect(
    found.filter((code) => !known.has(code) && !elsewhere.test(code) && !/^(OK|FAIL|UNKNOWN)$/.test(code)),
  ).toEqual([]);
});
