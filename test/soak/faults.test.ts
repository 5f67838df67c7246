import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ValidateReport } from "../../contract/validate-report.ts";
import { faultTable } from "../../devnet/fault-table.ts";
import { causesOf, expectMatrix } from "../support/fault-rows.ts";
import { createOperatorFolder } from "../support/operator-folder.ts";
import { runIn } from "../support/run-in.ts";

// Every fault of the table on one devnet of four, one after another: what validation and doctor say is what docs/faults.md has.
const quorate = fileURLToPath(new URL("../../bin/quorate.mjs", import.meta.url));
const patienceMs = 60_000;
let folder: string;

const command = async (...args: string[]) => await runIn(folder, process.execPath, [quorate, ...args]);

async function json(...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await command(...args, "--format", "json");
  if (!stdout.startsWith("{")) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}
const validate = async () => ValidateReport.parse(await json("validate"));

/** Cores with a log and a pod of their own, and all of them up: nothing of an earlier fault is left to be seen. */
async function startAfresh(): Promise<void> {
  expect(await command("devnet", "fault", "heal")).toMatchObject({ code: 0 });
  for (const party of [1, 2, 3, 4]) {
    const { stdout } = await command("devnet", "env", "--party", String(party));
    const deletion = `${stdout}\nkubectl --namespace kms-decentralized delete pod kms-core-${party} --wait=false`;
    expect(await runIn(folder, "bash", ["-c", deletion])).toMatchObject({ code: 0 });
  }
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const { verdict, findings } = await validate();
    if (verdict === "OK") return;
    if (Date.now() > deadline) throw new Error(`after the healing: ${JSON.stringify(findings)}`);
  }
}

beforeAll(async () => {
  folder = await createOperatorFolder(await mkdtemp(join(tmpdir(), "quorate-faults-")));
  const demo = await command("demo");
  expect(demo.code, demo.stdout + demo.stderr).toBe(0);
});

afterAll(async () => {
  await command("devnet", "down");
  await rm(folder, { recursive: true, force: true });
});

test.each(faultTable.map((row) => [row.fault, row] as const))("%s", async (words, row) => {
  await startAfresh();
  expect(await command("devnet", "fault", ...words.split(" "))).toMatchObject({ code: 0 });
  expectMatrix(row, await validate());
  const [first] = causesOf((await json("doctor")) as Parameters<typeof causesOf>[0]);
  expect(first ?? null).toEqual(row.cause);
});

test("in the end nothing is the matter", async () => {
  await startAfresh();
  expect((await validate()).findings).toEqual([]);
  expect(causesOf((await json("doctor")) as Parameters<typeof causesOf>[0])).toEqual([]);
});
