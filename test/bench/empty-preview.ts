import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalWorkspace } from "@pulumi/pulumi/automation/index.js";

// The floor of every preview: a program without resources, an existing stack, the same engine and the same way to start it.
const folder = process.argv[2] ?? (await mkdtemp(join(tmpdir(), "quorate-empty-")));
const envVars = {
  PULUMI_BACKEND_URL: `file://${folder}`,
  PULUMI_CONFIG_PASSPHRASE: "empty",
  PULUMI_HOME: folder,
  PULUMI_SKIP_UPDATE_CHECK: "true",
};
const stack = await LocalWorkspace.createOrSelectStack(
  { stackName: "empty", projectName: "empty", program: async () => {} },
  { workDir: folder, envVars },
);
await stack.preview({ suppressProgress: true });
if (process.argv[2] === undefined) await rm(folder, { recursive: true, force: true });
