import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useTools } from "../../bin/session.ts";
import { Fleet } from "../../fleet/driver.ts";
import { prepareEngineFolder } from "../../fleet/engine-folder.ts";
import { partyStacks } from "../../fleet/party-stacks.ts";
import { stacksDir } from "../../stacks/project.ts";
import { clients, operatorKeys, startCloud } from "../cloud/support/cloud.ts";
import { problemOf } from "../support/refusal.ts";

// The real engine, with backends of several kinds: a party that another stack has must not be built a second time, wherever states lie.
let folder: string;
let stacks: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "quorate-twins-engine-"));
  stacks = join(folder, "stacks");
  await cp(join(stacksDir({}), "Pulumi.party-1.yaml"), join(stacks, "Pulumi.renamed.yaml"));
  vi.stubEnv("PATH", process.env.PATH ?? "");
  useTools();
  vi.stubEnv("PULUMI_HOME", join(folder, "pulumi-home"));
  vi.stubEnv("PULUMI_CONFIG_PASSPHRASE", "of a test");
  vi.stubEnv("PULUMI_SKIP_UPDATE_CHECK", "true");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function pulumi(cwd: string, ...args: string[]): Promise<void> {
  await promisify(execFile)("pulumi", [...args, "--non-interactive"], { cwd, timeout: 60_000 });
}

const urn = (type: string, name: string) => `urn:pulumi:party-1::quorate::${type}::${name}`;

/** The state of a first update that ended after the first key. */
const half = {
  version: 3,
  deployment: {
    manifest: { time: "2026-01-01T00:00:00Z", magic: "", version: "" },
    resources: [
      { urn: urn("pulumi:pulumi:Stack", "quorate-party-1"), custom: false, type: "pulumi:pulumi:Stack" },
      {
        urn: urn("pulumi:providers:aws", "aws"),
        custom: true,
        id: "11111111-2222-3333-4444-555555555555",
        type: "pulumi:providers:aws",
        inputs: {
          allowedAccountIds: '["100000000001"]',
          defaultTags: '{"tags":{"network":"devnet","party":"1","managed-by":"quorate","environment":"devnet"}}',
        },
      },
      { urn: urn("aws:kms/key:Key", "key"), custom: true, id: "k", type: "aws:kms/key:Key", inputs: {} },
    ],
  },
};

async function refusedBeside(...stackNames: string[]): Promise<void> {
  const work = await prepareEngineFolder(join(folder, "other"), join(folder, "other"));
  await writeFile(join(folder, "half.json"), JSON.stringify(half));
  for (const name of stackNames) await pulumi(work, "stack", "init", name);
  await pulumi(work, "stack", "import", "--stack", "party-1", "--file", join(folder, "half.json"));
  const [party] = await partyStacks(stacks, "devnet");
  if (party === undefined) throw new Error("no party");
  const fleet = new Fleet({ root: folder, network: "devnet", stacksDir: stacks });
  for (const act of ["preview", "up"] as const)
    expect(await problemOf(fleet[act](party))).toMatchObject({
      code: "PARTY_HAS_STACK",
      what: expect.stringContaining("half built as stack party-1"),
    });
}

test("in a folder, and the new name has an empty stack from a preview before", async () => {
  await mkdir(join(folder, "backend"));
  vi.stubEnv("PULUMI_BACKEND_URL", `file://${join(folder, "backend")}`);
  await refusedBeside("party-1", "renamed");
});

test("in a bucket", async () => {
  await using cloud = await startCloud();
  const keys = operatorKeys(1);
  const Bucket = "quorate-states";
  await clients(cloud.endpoint, keys).s3.send(
    new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint: "eu-west-1" } }),
  );
  vi.stubEnv("AWS_ACCESS_KEY_ID", keys.accessKeyId);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", keys.secretAccessKey);
  vi.stubEnv("AWS_REGION", "eu-west-1");
  const { host } = new URL(cloud.endpoint);
  const place = `endpoint=${host}&disableSSL=true&s3ForcePathStyle=true&region=eu-west-1`;
  vi.stubEnv("PULUMI_BACKEND_URL", `s3://${Bucket}?${place}`);
  await refusedBeside("party-1", "renamed");
});
