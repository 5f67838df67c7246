import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { OperatorError } from "../../contract/operator-error.ts";
import { checkpointNames, lacksCheckpoint, readCheckpoint } from "../../fleet/checkpoint.ts";
import { projectName } from "../../stacks/project.ts";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "quorate-state-"));
  file = join(folder, ".pulumi", "stacks", projectName, "party-1.json");
  await mkdir(join(file, ".."), { recursive: true });
  vi.stubEnv("PULUMI_BACKEND_URL", pathToFileURL(folder).href);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const problem = async () => {
  const failure = await readCheckpoint("party-1").catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(OperatorError);
  return failure as OperatorError;
};

test("a state that was cut short is an error that does not quote it: there may be secrets in it", async () => {
  await writeFile(file, '{"checkpoint": {"latest": {"resources": [{"password": "hunter2');
  const failure = await problem();
  expect(failure.problem.code).toBe("STATE_DAMAGED");
  expect(failure.render()).toContain(file);
  expect(failure.render()).not.toContain("hunter2");
});

test("a state that can not be read is not one that is not there", async () => {
  await mkdir(file);
  expect((await problem()).problem.code).toBe("FILE_UNUSABLE");
});

test.each(["file://~", "file://./states", "s3://states"])(
  "what lies where only the engine knows is not taken for nothing: %s",
  async (backend) => {
    vi.stubEnv("PULUMI_BACKEND_URL", backend);
    expect(await readCheckpoint("party-1")).toBeUndefined();
    expect(await checkpointNames()).toBeUndefined();
    expect(lacksCheckpoint("party-1")).toBe(false);
  },
);
