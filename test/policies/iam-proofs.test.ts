import { runtime } from "@pulumi/pulumi";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { administratorAccess, authorize, type Principal, parsePolicy } from "../../devnet/cloud/policy.ts";
import { keyNeedsAttestation } from "../../policies/key-needs-attestation.ts";
import { program } from "../../stacks/program.ts";
import { type MockStack, onMockStack } from "../support/mocks.ts";
import { hex, rawStackConfig, StacksDir } from "../support/network.ts";
import { asked } from "./asking.ts";

// What the policies of a whole party allow, by AWS's rules of evaluation: every statement that the program writes, asked
// as whom and for what it could matter.

const accountId = "100000000001";
const trusted = hex(96, "2");
const attestation = (pcr0: string) => ({ "kms:recipientattestation:imagesha384": pcr0 });

let stack: MockStack<unknown>;

beforeAll(async () => {
  await using stacks = await StacksDir.create();
  vi.stubEnv("QUORATE_STACKS_DIR", stacks.dir);
  const asText = (value: unknown) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  const entries = Object.entries(rawStackConfig()).map(([key, value]) => [`quorate:${key}`, asText(value)]);
  stack = await onMockStack(async () => {
    runtime.setAllConfig(Object.fromEntries(entries));
    return await program();
  });
});

afterAll(() => {
  vi.unstubAllEnvs();
  runtime.setAllConfig({});
});

interface Who {
  /** As the table says it. */
  name: string;
  principal: Principal;
  /** Name of the role whose policies go with it. */
  role?: string;
  isAdministrator?: boolean;
}

/** Physical name of a role: AWS's own choice, for which the mocks take the resource's, unless it was set. */
const roleNamed = (resource: string): string => stack.get(resource).inputs.name ?? resource;

function inRole(name: string, resource: string): Who {
  const role = roleNamed(resource);
  const arn = `arn:aws:sts::${accountId}:assumed-role/${role}/session`;
  return { name, role: resource, principal: { kind: "assumed-role", accountId, arn, roleArn: roleArn(resource) } };
}

const roleArn = (resource: string) => `arn:aws:iam::${accountId}:role/${roleNamed(resource)}`;

function everyone(): Who[] {
  const stranger = "arn:aws:iam::999999999999:role/stranger";
  return [
    inRole("core", "party-1-core-role"),
    inRole("connector", "party-1-connector-role"),
    inRole("node", "party-1-enclaves-role"),
    {
      name: "administrator",
      isAdministrator: true,
      principal: { kind: "user", accountId, arn: `arn:aws:iam::${accountId}:user/operator` },
    },
    {
      name: "other account",
      isAdministrator: true,
      principal: { kind: "assumed-role", accountId: "999999999999", arn: stranger, roleArn: stranger },
    },
    { name: "anonymous", principal: { kind: "anonymous" } },
  ];
}

function identityPolicies({ role, isAdministrator }: Who) {
  const own = stack
    .ofType("aws:iam/rolePolicy:RolePolicy")
    .filter(
      ({ name, inputs }) =>
        role !== undefined && (inputs.role === role || name.startsWith(role.replace(/-role$/, "-"))),
    )
    .map(({ inputs }) => parsePolicy(inputs.policy, "identity"));
  return isAdministrator ? [...own, administratorAccess] : own;
}

/** Whether AWS would let them, as the stack's policies are. */
function may(who: Who, action: string, on: string, context: Record<string, string> = {}): boolean {
  const request = {
    principal: who.principal,
    action,
    resource: on,
    resourceAccountId: accountId,
    context: { "aws:securetransport": "true", ...context },
  };
  if (action.startsWith("kms:")) {
    const resource = parsePolicy(stack.get(on).inputs.policy, "resource");
    return authorize(
      { ...request, resource: `arn:aws:kms:eu-west-1:${accountId}:key/${on}` },
      { identity: identityPolicies(who), resource },
      "resource-only",
    ).allowed;
  }
  const bucket = /^arn:aws:s3:::([^/]+)/.exec(on)?.[1];
  const policy = stack.ofType("aws:s3/bucketPolicy:BucketPolicy").find(({ inputs }) => inputs.bucket === bucket);
  const resource = policy && parsePolicy(policy.inputs.policy, "resource");
  return authorize(request, { identity: identityPolicies(who), resource }).allowed;
}

const unsealing = [
  "kms:Decrypt",
  "kms:GenerateDataKey",
  "kms:ReEncryptFrom",
  "kms:GenerateDataKeyPair",
  "kms:CreateGrant",
];
const administering = ["kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey"];
const keys = () => stack.ofType("aws:kms/key:Key").map(({ name }) => name);
const sealingKeys = () =>
  stack
    .ofType("aws:kms/key:Key")
    .filter(({ inputs }) => inputs.keyUsage === "ENCRYPT_DECRYPT")
    .map(({ name }) => name)
    .filter((name) => name !== clusterKey);

/** Encrypts the cluster's Secrets, for EKS: no enclave has to do with it. */
const clusterKey = "party-1-eks-secrets-key";

/** Rows by question, a column for each of them: what is allowed, printed with the test. */
function table(title: string, questions: { text: string; answer(who: Who): boolean }[]): string {
  const people = everyone();
  const rows = questions.map(({ text, answer }) => [text, ...people.map((who) => (answer(who) ? "yes" : "-"))]);
  const all = [[title, ...people.map(({ name }) => name)], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  const text = all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
  process.stdout.write(`\n${text}\n`);
  return text;
}

const vaults = {
  public: "arn:aws:s3:::mpc-vault-public-0a1b2c3d",
  private: "arn:aws:s3:::mpc-vault-private-0a1b2c3d",
  logs: "arn:aws:s3:::mpc-vault-logs-0a1b2c3d",
  another: "arn:aws:s3:::another-bucket",
};

const s3 = (action: string, on: string) => ({
  text: `${action} ${on.replace("arn:aws:s3:::", "").replace("-0a1b2c3d", "")}`,
  answer: (who: Who) => may(who, action, on),
});

test("the party role reads its vaults and nothing else; everybody reads the public one", () => {
  expect(
    table("vaults", [
      s3("s3:GetObject", `${vaults.private}/PRV-p1/share`),
      s3("s3:PutObject", `${vaults.private}/PRV-p1/share`),
      s3("s3:ListBucket", vaults.private),
      s3("s3:GetObject", `${vaults.private}/elsewhere`),
      s3("s3:GetObject", `${vaults.public}/PUB-p1/key`),
      s3("s3:ListBucket", vaults.public),
      s3("s3:PutObject", `${vaults.public}/PUB-p1/key`),
      s3("s3:PutObject", `${vaults.public}/PUB-p2/key`),
      s3("s3:DeleteObjectVersion", `${vaults.private}/PRV-p1/share`),
      s3("s3:PutBucketPolicy", vaults.private),
      s3("s3:GetObject", `${vaults.logs}/access/1`),
      s3("s3:PutObject", `${vaults.logs}/access/1`),
      s3("s3:GetObject", `${vaults.another}/object`),
      s3("s3:ListAllMyBuckets", "*"),
    ]),
  ).toMatchInlineSnapshot(`
    "vaults                                                 core  connector  node  administrator  other account  anonymous
    s3:GetObject mpc-vault-private/PRV-p1/share            yes   -          -     yes            -              -
    s3:PutObject mpc-vault-private/PRV-p1/share            yes   -          -     yes            -              -
    s3:ListBucket mpc-vault-private                        yes   -          -     yes            -              -
    s3:GetObject mpc-vault-private/elsewhere               -     -          -     yes            -              -
    s3:GetObject mpc-vault-public/PUB-p1/key               yes   yes        yes   yes            yes            yes
    s3:ListBucket mpc-vault-public                         yes   yes        yes   yes            yes            yes
    s3:PutObject mpc-vault-public/PUB-p1/key               yes   -          -     yes            -              -
    s3:PutObject mpc-vault-public/PUB-p2/key               -     -          -     yes            -              -
    s3:DeleteObjectVersion mpc-vault-private/PRV-p1/share  -     -          -     yes            -              -
    s3:PutBucketPolicy mpc-vault-private                   -     -          -     yes            -              -
    s3:GetObject mpc-vault-logs/access/1                   -     -          -     yes            -              -
    s3:PutObject mpc-vault-logs/access/1                   -     -          -     yes            -              -
    s3:GetObject another-bucket/object                     -     -          -     yes            -              -
    s3:ListAllMyBuckets *                                  -     -          -     yes            -              -"
  `);
});

test("without the right attestation nobody decrypts, whatever their other rights", () => {
  const contexts = {
    "no attestation": {},
    "all-zero PCR0": attestation("0".repeat(96)),
    "unknown PCR0": attestation(hex(96, "e")),
  };
  for (const key of sealingKeys())
    for (const who of everyone())
      for (const action of unsealing)
        for (const [words, context] of Object.entries(contexts))
          expect(may(who, action, key, context), `${who.name} ${action} ${key} with ${words}`).toBe(false);
  const key = "party-1-vault-key";
  const decrypt = (words: string, context: Record<string, string>) => ({
    text: `kms:Decrypt, ${words}`,
    answer: (who: Who) => may(who, "kms:Decrypt", key, context),
  });
  expect(
    table(key, [
      ...Object.entries(contexts).map(([words, context]) => decrypt(words, context)),
      decrypt("trusted PCR0", attestation(trusted)),
      {
        text: "kms:CreateGrant, trusted PCR0",
        answer: (who) => may(who, "kms:CreateGrant", key, attestation(trusted)),
      },
    ]),
  ).toMatchInlineSnapshot(`
    "party-1-vault-key              core  connector  node  administrator  other account  anonymous
    kms:Decrypt, no attestation    -     -          -     -              -              -
    kms:Decrypt, all-zero PCR0     -     -          -     -              -              -
    kms:Decrypt, unknown PCR0      -     -          -     -              -              -
    kms:Decrypt, trusted PCR0      yes   -          -     -              -              -
    kms:CreateGrant, trusted PCR0  -     -          -     -              -              -"
  `);
});

test("the key of the cluster's Secrets can be given to EKS by a grant, and nobody decrypts with it", () => {
  const rows = ["kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"].map((action) => ({
    text: action,
    answer: (who: Who) => may(who, action, clusterKey),
  }));
  expect(table(clusterKey, rows)).toMatchInlineSnapshot(`
    "party-1-eks-secrets-key  core  connector  node  administrator  other account  anonymous
    kms:Decrypt              -     -          -     -              -              -
    kms:GenerateDataKey      -     -          -     -              -              -
    kms:CreateGrant          -     -          -     yes            -              -"
  `);
});

test("nobody but the account's administrators manages a key", () => {
  expect(
    table(
      "keys",
      keys().flatMap((key) =>
        administering.map((action) => ({ text: `${action} ${key}`, answer: (who: Who) => may(who, action, key) })),
      ),
    ),
  ).toMatchInlineSnapshot(`
    "keys                                             core  connector  node  administrator  other account  anonymous
    kms:PutKeyPolicy party-1-eks-secrets-key         -     -          -     yes            -              -
    kms:ScheduleKeyDeletion party-1-eks-secrets-key  -     -          -     yes            -              -
    kms:DisableKey party-1-eks-secrets-key           -     -          -     yes            -              -
    kms:PutKeyPolicy party-1-signing-key             -     -          -     yes            -              -
    kms:ScheduleKeyDeletion party-1-signing-key      -     -          -     yes            -              -
    kms:DisableKey party-1-signing-key               -     -          -     yes            -              -
    kms:PutKeyPolicy party-1-vault-key               -     -          -     yes            -              -
    kms:ScheduleKeyDeletion party-1-vault-key        -     -          -     yes            -              -
    kms:DisableKey party-1-vault-key                 -     -          -     yes            -              -"
  `);
});

test("who drops the condition is noticed by the policy pack", () => {
  const document = JSON.parse(stack.get("party-1-vault-key").inputs.policy);
  const key = (Statement: object[]) => ({ type: "aws:kms/key:Key", props: { policy: JSON.stringify({ Statement }) } });
  expect(asked(keyNeedsAttestation, [key(document.Statement)])).toEqual([]);
  const dropped = document.Statement.map(({ Condition: _, ...statement }: { Condition: object }) => statement);
  expect(asked(keyNeedsAttestation, [key(dropped)])).toEqual([
    expect.stringContaining(
      `found     ${roleArn("party-1-core-role")} may kms:Decrypt, kms:GenerateDataKey without a condition`,
    ),
  ]);
});
