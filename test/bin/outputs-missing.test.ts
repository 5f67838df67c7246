import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Operator } from "../support/refusal.ts";

// A network that stands on no devnet, and a backend of files in which no party's stack lies yet.
const example = fileURLToPath(new URL("../../docs/party-outputs.example.json", import.meta.url));
let operator: Operator;
beforeEach(async () => {
  operator = await Operator.createOffDevnet();
});
afterEach(async () => {
  await operator[Symbol.asyncDispose]();
});

async function missing(...args: string[]): Promise<string> {
  const { code, stderr } = await operator.run(args, { PULUMI_BACKEND_URL: `file://${operator.folder}` });
  expect({ code, head: stderr.split("  ")[0] }, stderr).toEqual({ code: 2, head: "OUTPUTS_MISSING" });
  return stderr;
}

test("all parties that were never brought up are named at once, and one command brings them up", async () => {
  for (const args of [["outputs", "--all"], ["validate"]]) {
    const said = await missing(...args);
    expect(said).toContain("parties 1, 2, 3, 4: stacks party-1, party-2, party-3, party-4 have no outputs\n");
    expect(said).toContain("next      npx quorate up --all\n");
  }
});

test("where others were, `up` is for those that were not", async () => {
  const backend = join(operator.folder, ".pulumi/stacks/quorate");
  await mkdir(backend, { recursive: true });
  const outputs: unknown = JSON.parse(await readFile(example, "utf8"));
  const resources = [{ urn: "", type: "pulumi:pulumi:Stack", outputs }];
  await writeFile(join(backend, "party-1.json"), JSON.stringify({ checkpoint: { latest: { resources } } }));
  expect(await missing("outputs", "--all")).toContain("next      npx quorate up --party 2,3,4\n");
  expect(await missing("outputs", "--party", "1,3")).toContain("next      npx quorate up --party 3\n");
});
