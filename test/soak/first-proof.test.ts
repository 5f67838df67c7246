import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { killEverythingOf, runQuorate } from "../support/demo-process.ts";
import { createOperatorFolder } from "../support/operator-folder.ts";

const program = fileURLToPath(new URL("../../bin/quorate.mjs", import.meta.url));
const page = new URL("../../docs/first-day.md", import.meta.url);

let base: string;
let folder: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "quorate-first-proof-"));
  folder = await createOperatorFolder(join(base, "operator"));
});
afterAll(async () => {
  await runQuorate(folder, "devnet", "down");
  killEverythingOf(base);
  await rm(base, { recursive: true, force: true });
});

test("the commands of the first day's page, as they stand there, lead from nothing to a green network", async () => {
  const section = (await readFile(page, "utf8")).split("## The same on one machine")[1] ?? "";
  const [, script = ""] = /```sh\n([\s\S]*?)```/.exec(section) ?? [];
  expect(script.match(/^npx quorate/gm)?.length).toBeGreaterThan(8);
  const ours = script.replaceAll("npx quorate", `"${process.execPath}" "${program}"`);
  const { stdout } = await promisify(execFile)("bash", ["-e", "-c", ours], { cwd: folder, maxBuffer: 64 * 1024 ** 2 });
  expect(stdout.match(/^verdict .*$/gm)).toEqual(Array(5).fill("verdict OK"));
});
