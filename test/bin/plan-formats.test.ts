import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunPlan, shortDigest } from "../../runbooks/plan.ts";
import { Operator } from "../support/refusal.ts";

// A network that stands on no devnet, with one party whose outputs lie in a backend of files.
const example = fileURLToPath(new URL("../../docs/party-outputs.example.json", import.meta.url));
let operator: Operator;
beforeEach(async () => {
  operator = await Operator.createOffDevnet();
  const backend = join(operator.folder, ".pulumi/stacks/quorate");
  await mkdir(backend, { recursive: true });
  const outputs: unknown = JSON.parse(await readFile(example, "utf8"));
  const resources = [{ urn: "", type: "pulumi:pulumi:Stack", outputs }];
  await writeFile(join(backend, "party-1.json"), JSON.stringify({ checkpoint: { latest: { resources } } }));
  for (const id of [2, 3, 4]) await cp(join(backend, "party-1.json"), join(backend, `party-${id}.json`));
});
afterEach(async () => {
  await operator[Symbol.asyncDispose]();
});

const plan = async (format: string) =>
  await operator.runHere(["run", "validate", "--plan", "--format", format], {
    PULUMI_BACKEND_URL: `file://${operator.folder}`,
  });

test("a plan is printed in the format that was asked for, on standard output, and nothing is run", async () => {
  const json = await plan("json");
  expect(json, json.stderr).toMatchObject({ code: 0, stderr: "" });
  const parsed = RunPlan.parse(JSON.parse(json.stdout));
  expect(parsed.steps.map(({ id }) => id)).toEqual(["observe", "judge"]);
  const markdown = await plan("markdown");
  expect(markdown, markdown.stderr).toMatchObject({ code: 0, stderr: "" });
  expect(markdown.stdout).toMatch(/^### Plan of validate: network devnet, read-only\n/);
  expect(markdown.stdout).toContain(`plan \`${shortDigest(parsed.digest)}\``);
  for (const command of parsed.steps[0]?.commands ?? []) expect(markdown.stdout).toContain(`\n   ${command}\n`);
  expect(await readdir(join(operator.folder, ".quorate"))).not.toContain("runs");
});

test.each(["junit", "html", "prometheus"])(
  "a plan has no cases, no links and no numbers, so no form %s",
  async (format) => {
    expect(await plan(format)).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/^FORMAT_UNKNOWN {2}/),
    });
  },
);
