import { afterAll, beforeAll, expect, test } from "vitest";
import { faultTable } from "../../devnet/fault-table.ts";
import { causesOf, expectMatrix } from "../support/fault-rows.ts";
import { OperatorsDevnet } from "../support/operators-devnet.ts";

// Every fault of the table on one devnet of four, one after another: what validation and doctor say is what docs/faults.md has.
let net: OperatorsDevnet;

/** What the log of a container of the core says meanwhile, where it says anything. */
const logged: Record<string, [container: string, line: RegExp]> = {
  "skew-clock 3 7200": ["kms-core-enclave-logger", /Issued renewed/],
  "cn-mismatch 2": ["kms-core-enclave-logger", /Issued initial TLS certificate/],
  "enclave-stopped 3": ["kms-core-enclave", /^\[ E39 \] Enclave process connection failure/m],
  "lose-peer-cert 2 3": ["kms-core-init-load-env", /No CA cert found for party 3/],
  "wrong-pcr 2": ["kms-core-enclave-logger", /Could not decrypt data key: .*AccessDeniedException/],
  "deny-vault 2": ["kms-core-enclave-logger", /not authorized to perform: s3:\w+ .*explicit deny/],
  "rate-limit 2": ["kms-core-enclave-logger", /not enough tokens in bucket for pub_decrypt/],
  "no-prss 2": ["kms-core-enclave-logger", /No PRSS setup exists/],
};

const causes = async () => causesOf((await net.json("doctor")).report as Parameters<typeof causesOf>[0]);

/** Cores with a log and a pod of their own, and all of them up: nothing of an earlier fault is left to be seen. */
async function startAfresh(): Promise<void> {
  await net.fault("heal");
  for (const party of [1, 2, 3, 4]) await net.kubectl(party, "delete", "pod", `kms-core-${party}`, "--wait=false");
  expect((await net.validateUntil(({ verdict }) => verdict === "OK")).report.findings).toEqual([]);
}

beforeAll(async () => {
  net = await OperatorsDevnet.create("faults");
  const demo = await net.command("demo");
  expect(demo.code, demo.stdout + demo.stderr).toBe(0);
});

afterAll(async () => {
  await net[Symbol.asyncDispose]();
});

test("a log is looked into of faults that there are", () => {
  expect(faultTable.map(({ fault }) => fault)).toEqual(expect.arrayContaining(Object.keys(logged)));
});

test.each(faultTable.map((row) => [row.fault, row] as const))("%s", async (words, row) => {
  await startAfresh();
  expect(await net.command("devnet", "fault", ...words.split(" "))).toMatchObject({ code: 0 });
  expectMatrix(row, (await net.validate()).report);
  const [first] = await causes();
  expect(first ?? null).toEqual(row.cause);
  const [container, line] = logged[words] ?? [];
  if (!container || !line) return;
  const [, party = ""] = words.split(" ");
  // A core that ends is started again, and begins another log.
  const log = () => net.kubectl(Number(party), "logs", `kms-core-${party}`, "-c", container);
  await expect.poll(log, { timeout: 60_000 }).toMatch(line);
  expect(await net.command("devnet", "fault", "heal")).toMatchObject({ code: 0 });
  // The command ends when nothing is left of it.
  expect((await net.validate()).report.findings).toEqual([]);
});

test("in the end nothing is the matter", async () => {
  await startAfresh();
  expect(await causes()).toEqual([]);
});
