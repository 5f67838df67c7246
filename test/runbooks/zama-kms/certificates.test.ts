import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { XMLParser } from "fast-xml-parser";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CertificatesReport } from "../../../contract/certificates-report.ts";
import { certificatePem, createCaCertificate, createSigningKey } from "../../../devnet/nodes/certificates.ts";
import { ethereumAddress } from "../../../devnet/nodes/signing-key.ts";
import type { PublishedObject, PublishedText } from "../../../runbooks/context.ts";
import { executeRun, planRunbook } from "../../../runbooks/run.ts";
import certificates from "../../../runbooks/zama-kms/certificates.ts";
import { given } from "../support/rotation.ts";

const ids = [1, 2, 3, 4];
const keys = new Map<number, KeyObject>(ids.map((id) => [id, createSigningKey()]));
const keyOf = (id: number) => keys.get(id) ?? createSigningKey();
const pemOf = (id: number, host = `mpc-node-${id}`) => certificatePem(createCaCertificate(keyOf(id), host));
const pems = new Map(ids.map((id) => [id, pemOf(id)]));

type Vaults = (holder: number, object: PublishedObject) => PublishedText | undefined;
const text = (value: string): PublishedText => ({ status: "found", text: value });

/** Four vaults in order, but for what `change` answers instead. */
function vaults(change: Vaults = () => undefined) {
  const asked: string[] = [];
  return {
    asked,
    read: async (holder: number, object: PublishedObject): Promise<PublishedText> => {
      asked.push(`${holder} ${object.type} ${object.of}`);
      const changed = change(holder, object);
      if (changed !== undefined) return changed;
      if (object.type === "VerfAddress") return text(`${ethereumAddress(keyOf(object.of))}\n`);
      return text(pems.get(object.of) ?? "");
    },
  };
}

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-certificates-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function run(change?: Vaults) {
  const { asked, read } = vaults(change);
  const context = { ...given(), readPublished: read };
  const host = {
    runsDir: join(root, "runs"),
    operator: "tester",
    terminal: { interactive: false, print: () => {}, ask: async () => null },
    clock: context.clock,
    signal: context.signal,
  };
  const result = await executeRun(await planRunbook(certificates, context, {}), host, { quiet: true });
  if (result.bug) throw result.bug;
  const report = CertificatesReport.parse(result.report?.json);
  return { asked, result, report, told: report.findings.map(({ code, party }) => `${code} ${party}`) };
}

test("where every copy equals its original the network is OK, and each vault was read once for each object", async () => {
  const { report, result, asked } = await run();
  expect([report.verdict, report.copiesEqual, report.copiesTotal, report.findings, result.exitCode]).toEqual([
    "OK",
    12,
    12,
    [],
    0,
  ]);
  expect([asked.length, new Set(asked).size]).toEqual([20, 20]);
});

describe("what is wrong is the finding of whoever can mend it", () => {
  const copy = (holder: number, of: number, answer: PublishedText): Vaults => {
    return (in_, object) => (in_ === holder && object.of === of && object.type === "CACert" ? answer : undefined);
  };
  const own = (of: number, pem: string): Vaults => {
    return (_holder, object) => (object.of === of && object.type === "CACert" ? text(pem) : undefined);
  };

  test.each<[string, Vaults, string[], "FAIL" | "UNKNOWN"]>([
    ["a copy that differs", copy(2, 3, text(pemOf(3))), ["CA_COPY_DIFFERS 2"], "FAIL"],
    ["a copy that is missing", copy(2, 3, { status: "absent" }), ["CA_COPY_MISSING 2"], "FAIL"],
    ["a copy that is no certificate", copy(4, 1, text("<html>")), ["CA_COPY_UNREADABLE 4"], "FAIL"],
    ["two certificates in one copy", copy(4, 1, text(pemOf(1) + pemOf(1))), ["CA_COPY_UNREADABLE 4"], "FAIL"],
    ["a copy that can not be read", copy(4, 1, { status: "unknown", reason: "403" }), ["COULD_NOT_TELL 4"], "UNKNOWN"],
    ["a rotated certificate that no peer has yet", copy(3, 3, text(pemOf(3))), ["CA_CERTIFICATE_ROTATED 3"], "FAIL"],
    ["another name than the party's", own(1, pemOf(1, "kms-core-1")), ["CA_CERTIFICATE_NAME_WRONG 1"], "FAIL"],
    [
      "another key than the signing key",
      own(2, certificatePem(createCaCertificate(createSigningKey(), "mpc-node-2"))),
      ["CA_CERTIFICATE_KEY_WRONG 2"],
      "FAIL",
    ],
  ])("%s", async (_name, change, told, verdict) => {
    const { report, told: found } = await run(change);
    expect([found, report.verdict]).toEqual([told, verdict]);
    expect(report.findings[0]?.next).toBeTruthy();
  });

  test("a key of another curve", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const { report, told } = await run(own(2, certificatePem(createCaCertificate(privateKey, "mpc-node-2"))));
    expect(told).toEqual(["CA_CERTIFICATE_KEY_WRONG 2"]);
    expect(report.findings[0]?.found).toContain("not of secp256k1");
  });

  test("a party that published nothing: its own row, and no word about copies of nothing", async () => {
    const { report, told } = await run((_holder, object) =>
      object.of === 4 && object.type === "CACert" ? { status: "absent" } : undefined,
    );
    expect(told).toEqual(["CA_CERTIFICATE_NOT_PUBLISHED 4"]);
    expect([report.verdict, report.copiesEqual]).toEqual(["FAIL", 9]);
  });

  test("S3 says 403 of a copy that is not there: in a vault of which the rest can be read, it is missing", async () => {
    const { told, report } = await run((holder, { type, of }) =>
      holder === 2 && type === "CACert" && of === 3 ? { status: "forbidden" } : undefined,
    );
    expect(told).toEqual(["CA_COPY_MISSING 2"]);
    expect(report.verdict).toBe("FAIL");
  });

  test("a vault that the world can read nothing of says nothing of its copies", async () => {
    const { told, report } = await run((holder) => (holder === 2 ? { status: "forbidden" } : undefined));
    expect(told).toEqual(["COULD_NOT_TELL 2"]);
    expect(report.verdict).toBe("UNKNOWN");
  });

  test("a vault that answers once, and then no more, is not waited for once for each copy", async () => {
    const { asked, report } = await run((holder, { type }) =>
      holder === 3 && type !== "VerfAddress"
        ? undefined
        : holder === 3
          ? { status: "unknown", reason: "no answer" }
          : undefined,
    );
    expect(asked.filter((question) => question.startsWith("3 "))).toHaveLength(5);
    expect(report.verdict).toBe("UNKNOWN");
    const hanging = await run((holder, { of }) =>
      holder === 3 && of !== 3 ? { status: "unknown", reason: "no answer" } : undefined,
    );
    expect(hanging.asked.filter((question) => question.startsWith("3 "))).toEqual([
      "3 CACert 3",
      "3 VerfAddress 3",
      "3 CACert 1",
      "3 CACert 2",
    ]);
    expect(hanging.told).toEqual(["COULD_NOT_TELL 3"]);
  });

  test("an address in another case, or with blanks around it, is the same; what is none is never green", async () => {
    const address =
      (value: string): Vaults =>
      (holder, { type }) =>
        holder === 1 && type === "VerfAddress" ? text(value) : undefined;
    const own = ethereumAddress(keyOf(1));
    expect((await run(address(`\r\n ${own.toUpperCase().replace("0X", "0x")}\r\n`))).told).toEqual([]);
    const { told, report } = await run(address(`${"x".repeat(60_000)}\u001b[2J`));
    expect(told).toEqual(["CA_CERTIFICATE_KEY_WRONG 1"]);
    expect(report.findings[0]?.found.length).toBeLessThan(100);
  });

  test("line ends of Windows, and words before the certificate, change nothing of it", async () => {
    const pem = pems.get(4) ?? "";
    const bag = `Bag Attributes\r\n    friendlyName: core\r\n${pem.replaceAll("\n", "\r\n")}`;
    expect(
      (await run((holder, { of, type }) => (holder === 1 && of === 4 && type === "CACert" ? text(bag) : undefined)))
        .told,
    ).toEqual([]);
  });

  test("a vault that does not answer is asked once, and is never green", async () => {
    const { report, told, asked } = await run((holder) =>
      holder === 3 ? { status: "unknown", reason: "connect ECONNREFUSED" } : undefined,
    );
    expect(told).toEqual(["COULD_NOT_TELL 3"]);
    expect(report.verdict).toBe("UNKNOWN");
    expect(asked.filter((question) => question.startsWith("3 "))).toHaveLength(1);
    // Copies of its certificate elsewhere compare with nothing.
    expect(report.copies.filter(({ of, verdict }) => of === 3 && verdict.status === "UNKNOWN")).toHaveLength(3);
  });
});

test("the report in text, Markdown and JUnit", async () => {
  const { result } = await run((holder, object) =>
    holder === 2 && object.of === 3 ? { status: "absent" } : undefined,
  );
  const shown = result.report?.text({ colour: false, columns: 80 }) ?? "";
  expect(shown).toMatch(/^ +2 +ok +ok +X +ok$/m);
  expect(shown).toContain("11 of 12 copies equal");
  expect(result.report?.markdown()).toContain("| 2 | ok | ok | **differs** | ok |");
  const { testsuites } = new XMLParser({ ignoreAttributes: false }).parse(result.report?.junit?.() ?? "");
  expect([testsuites["@_tests"], testsuites["@_failures"], testsuites["@_errors"]]).toEqual(["16", "1", "0"]);
});
