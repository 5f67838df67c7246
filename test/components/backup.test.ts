import { describe, expect, test } from "vitest";
import { BackupKey, type BackupKeyArgs } from "../../components/aws/backup-key.ts";
import { BackupVault, type BackupVaultArgs } from "../../components/aws/backup-vault.ts";
import { Pcr } from "../../contract/trusted-release.ts";
import { onMockStack, settled } from "../support/mocks.ts";
import { hex } from "../support/network.ts";

const core = "arn:aws:iam::100000000001:role/mpc-kms-party-1-party-1";
const partyRole = {
  Principal: { AWS: "arn:aws:iam::100000000001:root" },
  Condition: { ArnEquals: { "aws:PrincipalArn": core } },
};

describe("BackupKey", () => {
  const pcr0 = Pcr.parse(hex(96, "1"));
  const key = (args: Partial<BackupKeyArgs> = {}) =>
    onMockStack(
      () =>
        new BackupKey("k", {
          alias: "backup",
          coreRoleArn: core,
          allowedPcr0: [pcr0],
          runningPcr0: pcr0,
          administratorArns: ["arn:aws:iam::200000000001:root"],
          deletionWindowDays: 30,
          ...args,
        }),
    );

  test("is one multi-region RSA key, protected, with an alias", async () => {
    const stack = await key();
    expect(stack.get("k-key")).toMatchObject({
      protect: true,
      parent: stack.get("k").urn,
      inputs: { multiRegion: true, customerMasterKeySpec: "RSA_4096", keyUsage: "ENCRYPT_DECRYPT" },
    });
    expect(stack.ofType("aws:kms/replicaKey:ReplicaKey")).toEqual([]);
    expect(stack.result.replicaKeyArn).toBeUndefined();
  });

  test("has a copy in another region with the same policy and alias", async () => {
    const stack = await key({ replicaRegion: "eu-central-1" });
    expect(stack.get("k-replica")).toMatchObject({ protect: true, inputs: { region: "eu-central-1" } });
    expect(stack.get("k-replica").inputs.policy).toBe(stack.get("k-key").inputs.policy);
    expect(stack.get("k-replica-alias").inputs).toMatchObject({ name: "alias/backup", region: "eu-central-1" });
    expect(await settled(stack.result.replicaKeyArn ?? stack.result.keyArn)).toContain("eu-central-1");
  });

  test("names the party's role without needing it, decrypts only for its enclave, and nobody generates", async () => {
    const { Statement } = JSON.parse((await key()).get("k-key").inputs.policy);
    expect(Statement.slice(0, 2)).toEqual([
      {
        Sid: "CoreReads",
        Effect: "Allow",
        Action: ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetPublicKey"],
        Resource: "*",
        ...partyRole,
      },
      {
        Sid: "AttestedCoreUnseals",
        Effect: "Allow",
        Action: ["kms:Decrypt"],
        Resource: "*",
        Principal: partyRole.Principal,
        Condition: {
          StringEqualsIgnoreCase: { "kms:RecipientAttestation:ImageSha384": [pcr0] },
          ...partyRole.Condition,
        },
      },
    ]);
    expect(Statement[2].Action.filter((action: string) => /\*|crypt|Grant$/.test(action))).toEqual(["kms:RevokeGrant"]);
  });

  test("is refused where nobody could read a backup", async () => {
    await expect(key({ allowedPcr0: [Pcr.parse(hex(96, "2"))] })).rejects.toMatchObject({
      errors: [{ propertyPath: "allowedPcr0" }],
    });
  });
});

describe("BackupVault", () => {
  const vault = (args: Partial<BackupVaultArgs> = {}) =>
    onMockStack(() => new BackupVault("v", { bucketName: "backups", coreRoleArn: core, ...args }));

  test("is closed, versioned, encrypted, protected and never emptied", async () => {
    const stack = await vault();
    expect(stack.get("v-bucket")).toMatchObject({ protect: true, inputs: { forceDestroy: false } });
    expect(stack.get("v-versioning").inputs.versioningConfiguration.status).toBe("Enabled");
    expect(Object.values(stack.get("v-access-block").inputs).filter((value) => value === true)).toHaveLength(4);
    expect(stack.ofType("aws:s3/bucketReplicationConfig:BucketReplicationConfig")).toEqual([]);
  });

  test("lets the party's role in by its name, to write and read, and nobody delete", async () => {
    const { Statement } = JSON.parse((await vault()).get("v-policy").inputs.policy);
    expect(Statement).toEqual([
      {
        Sid: "PartyWrites",
        Effect: "Allow",
        ...partyRole,
        Action: ["s3:GetObject", "s3:PutObject"],
        Resource: "arn:aws:s3:::backups/*",
      },
      { Sid: "PartyLists", Effect: "Allow", ...partyRole, Action: "s3:ListBucket", Resource: "arn:aws:s3:::backups" },
      expect.objectContaining({ Sid: "TlsOnly", Effect: "Deny" }),
    ]);
  });

  test("is copied to another region by a role that can't delete there", async () => {
    const stack = await vault({ replica: { bucketName: "backups-r", region: "eu-central-1" } });
    for (const kind of ["bucket", "versioning", "access-block", "encryption", "policy", "lifecycle", "ownership"])
      expect(stack.get(`v-replica-${kind}`).inputs.region, kind).toBe("eu-central-1");
    expect(stack.get("v-replication").inputs.rules[0]).toMatchObject({
      status: "Enabled",
      deleteMarkerReplication: { status: "Disabled" },
      destination: { bucket: "arn:aws:s3:::backups-r" },
    });
    expect(stack.get("v-replication").dependsOn).toEqual(
      expect.arrayContaining([stack.get("v-versioning").urn, stack.get("v-replica-versioning").urn]),
    );
    expect(stack.get("v-replication-policy").inputs.policy).not.toMatch(/Delete/);
  });

  test("is refused for roles in the plural, and with a name that S3 has not", async () => {
    await expect(vault({ bucketName: "Backups", coreRoleArn: "arn:aws:iam::1:role/*" })).rejects.toMatchObject({
      errors: [{ propertyPath: "bucketName" }, { propertyPath: "coreRoleArn" }],
    });
  });
});
