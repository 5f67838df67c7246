import * as aws from "@pulumi/aws";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type PolicyFinding, policyFinding } from "../../fleet/policy-violation.ts";
import { type Analyzer, packFolder, startAnalyzer } from "../../policies/analyzer.ts";
import { program } from "../../stacks/program.ts";
import { type TestCloud, testAccount, testCloud } from "../cloud/support/providers-stack.ts";
import { rawStackConfig, StacksDir } from "../support/network.ts";

// The engine takes a second or two, and many times that where every core is busy.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

let cloud: TestCloud;
let analyzer: Analyzer;

beforeAll(async () => {
  analyzer = await startAnalyzer();
  // What the launcher that the engine finds on PATH goes by.
  vi.stubEnv("QUORATE_POLICY_PORT", String(analyzer.port));
  const { accountId, awsProfile: profile, cluster } = rawStackConfig();
  const { vpcId, privateSubnetIds } = cluster.create;
  const subnets = privateSubnetIds.map((id: string, index: number) => ({
    id,
    az: `eu-west-1${"ab"[index]}`,
    mapPublicIpOnLaunch: false,
    cidr: `10.1.${index}.0/24`,
  }));
  cloud = await testCloud({ accounts: [testAccount(1, { accountId, profile, vpc: { vpcId, subnets } })] });
});

afterAll(async () => {
  await cloud[Symbol.asyncDispose]();
  analyzer.close();
  vi.unstubAllEnvs();
});

/** A preview through the real engine with the whole pack: what the rules say, and whether the engine refused. */
async function previewed(name: string, of: () => Promise<unknown>, config: Record<string, unknown> = {}) {
  const stack = await cloud.stack(name, of as never);
  const asText = (value: unknown) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  const entries = Object.entries(config).map(([key, value]) => [`quorate:${key}`, { value: asText(value) }]);
  await stack.setAllConfig(Object.fromEntries(entries));
  const findings: PolicyFinding[] = [];
  const errors: string[] = [];
  const onEvent = ({ policyEvent, diagnosticEvent }: EngineEvent) => {
    if (policyEvent) findings.push(policyFinding(1, policyEvent));
    if (diagnosticEvent?.severity === "error") errors.push(diagnosticEvent.message);
  };
  const refused = await stack.preview({ policyPacks: [packFolder], onEvent }).then(
    () => false,
    () => true,
  );
  return { findings, errors, refused };
}

test("the engine asks every rule, of what is there and of what is not, and ends the preview", async () => {
  const { findings, errors, refused } = await previewed("refused", async () => {
    const provider = new aws.Provider("aws", { region: "eu-west-1", profile: "devnet-party-1" });
    new aws.s3.Bucket("vault", { bucket: "open-to-all", forceDestroy: true }, { provider });
  });
  expect({ errors, refused }).toEqual({ errors: ["preview failed\n"], refused: true });
  expect(findings.map(({ code, rule, resource }) => `${code} ${rule} ${resource}`).sort()).toEqual([
    "POLICY_VIOLATED irreplaceable-protected vault",
    "POLICY_VIOLATED required-tags aws",
    "POLICY_VIOLATED vault-encrypted vault",
    "POLICY_VIOLATED vault-keeps-versions vault",
    "POLICY_VIOLATED vault-lifecycle vault",
    "POLICY_VIOLATED vault-never-emptied vault",
    "POLICY_VIOLATED vault-never-public vault",
    "POLICY_VIOLATED vault-one-owner vault",
    "POLICY_VIOLATED vault-tls-only vault",
  ]);
  expect(findings.find(({ rule }) => rule === "vault-never-emptied")).toEqual({
    code: "POLICY_VIOLATED",
    party: 1,
    rule: "vault-never-emptied",
    resource: "vault",
    field: "forceDestroy",
    found: "true",
    expected: "false: a bucket with objects can not be destroyed",
    next: "components/aws/bucket.ts: forceDestroy",
  });
});

test("the party program passes: nothing is refused, and what can not be told before the first update is said to be unknown", async () => {
  await using stacks = await StacksDir.create();
  vi.stubEnv("QUORATE_STACKS_DIR", stacks.dir);
  const { findings, errors, refused } = await previewed("party-1", program, rawStackConfig());
  expect(findings.filter(({ code }) => code === "POLICY_VIOLATED")).toEqual([]);
  expect({ errors, refused }).toEqual({ errors: [], refused: false });
  const unknown = findings
    .filter(({ code }) => code === "POLICY_UNKNOWN")
    .map(({ rule, resource }) => `${rule} ${resource}`);
  expect(unknown).toContain("key-needs-attestation party-1-vault-key");
  expect(
    findings
      .filter(({ code }) => code === "POLICY_ADVICE")
      .map(({ rule }) => rule)
      .sort(),
  ).toEqual(["images-by-digest"]);
});
