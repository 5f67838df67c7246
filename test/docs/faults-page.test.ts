import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { faultsPage, faultsPagePath } from "../../bin/faults-page.ts";
import { pathCodes } from "../../contract/probe.ts";
import { Fault, parseFault } from "../../devnet/fault.ts";
import { faultTable, linksOf } from "../../devnet/fault-table.ts";
import { causes } from "../../runbooks/zama-kms/causes.ts";

test("docs/faults.md is what its table prints: run node bin/faults-page.ts after a change", async () => {
  expect(await readFile(faultsPagePath, "utf8")).toBe(faultsPage());
});

test("every fault of a devnet has one row, and every row is a fault as it is typed", () => {
  const kinds = Fault.options.map(({ shape }) => shape.kind.value).filter((kind) => kind !== "heal");
  expect(faultTable.map(({ fault }) => parseFault(fault.split(" ")).kind).toSorted()).toEqual(kinds.toSorted());
});

test("a row names only codes that there are, and links of the parties that it is about", async () => {
  const guide = await readFile(new URL("../../docs/validate.md", import.meta.url), "utf8");
  const known = new Set(causes.map(({ code }) => code as string));
  for (const { fault, matrix, findings, cause } of faultTable) {
    for (const { code } of findings) expect(guide, fault).toContain(`\`${code}\``);
    if (cause !== null) expect(known, fault).toContain(cause.code);
    for (const [link, ends] of Object.entries(matrix.paths ?? {})) {
      expect(matrix.down, fault).toContain(link);
      expect(pathCodes as readonly string[], fault).toContain(ends.split(" ")[0]);
    }
    for (const link of [...matrix.down, ...(matrix.unknown ?? [])])
      expect(linksOf(link, [1, 2, 3, 4]), fault).not.toEqual([]);
  }
});

test("no row of the page is broken", () => {
  const rows = faultsPage()
    .split("\n")
    .filter((line) => line.startsWith("|"));
  expect(new Set(rows.map((line) => line.split(/(?<!\\)\|/).length)).size).toBe(1);
  expect(rows).toHaveLength(faultTable.length + 2);
});
