import * as aws from "@pulumi/aws";
import { log } from "@pulumi/pulumi";
import { describe, expect, test, vi } from "vitest";
import { ConnectorDatabase } from "../../components/aws/connector-database.ts";
import { ConnectorDatabase as Settings } from "../../contract/connector-database.ts";
import { testAccount, testCloud } from "../cloud/support/providers-stack.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const args = (settings: Partial<Settings> = {}) => ({
  settings: { ...Settings.parse({}), ...settings },
  environment: "testnet",
  vpcId: "vpc-01",
  subnetIds: ["subnet-0a", "subnet-0b"],
  clientSecurityGroupId: "sg-nodes",
});

const database = (settings: Partial<Settings> = {}) => onMockStack(() => new ConnectorDatabase("db", args(settings)));

describe("the database of a connector", () => {
  test("has the reference's engine, size, names and backups", async () => {
    const stack = await database();
    expect(stack.get("db-instance").inputs).toMatchObject({
      identifier: "zama-testnet-kmsconnector",
      engine: "postgres",
      engineVersion: "17.2",
      instanceClass: "db.t4g.medium",
      allocatedStorage: 50,
      maxAllocatedStorage: 100,
      multiAz: false,
      port: 5432,
      dbName: "kmsconnector",
      username: "zws",
      iamDatabaseAuthenticationEnabled: false,
      backupRetentionPeriod: 7,
    });
    expect(stack.get("db-parameters").inputs.family).toBe("postgres17");
    expect(stack.get("db-subnets").inputs.subnetIds).toEqual(["subnet-0a", "subnet-0b"]);
    for (const resource of stack.resources.filter(({ name }) => name !== "db"))
      expect([resource.name, resource.parent]).toEqual([resource.name, stack.get("db").urn]);
  });

  test("is safer than the reference where that lists defects", async () => {
    const stack = await database();
    const { inputs, protect } = stack.get("db-instance");
    expect(inputs).toMatchObject({
      deletionProtection: true,
      skipFinalSnapshot: false,
      finalSnapshotIdentifier: "zama-testnet-kmsconnector-final",
      storageEncrypted: true,
      publiclyAccessible: false,
      manageMasterUserPassword: true,
      deleteAutomatedBackups: false,
    });
    expect(inputs.password).toBeUndefined();
    expect(protect).toBe(true);
    expect(stack.get("db-parameters").inputs.parameters).toContainEqual({
      name: "rds.force_ssl",
      value: "1",
      applyMethod: "immediate",
    });
    expect(stack.get("db-rotation").inputs).toMatchObject({ rotationRules: { automaticallyAfterDays: 90 } });
    expect(await settled(stack.result.passwordSecretArn)).toMatch(/^arn:aws:secretsmanager:/);
  });

  test("is reached by the cluster and by the given networks, and by nobody else", async () => {
    const stack = await database({ allowedCidrs: ["10.9.0.0/24"] });
    const rules = stack.ofType("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule");
    const rule = { securityGroupId: "db-group-id", ipProtocol: "tcp", fromPort: 5432, toPort: 5432 };
    expect(rules.map(({ inputs }) => inputs)).toEqual([
      { ...rule, description: "From cluster", referencedSecurityGroupId: "sg-nodes" },
      { ...rule, description: "From 10.9.0.0/24", cidrIpv4: "10.9.0.0/24" },
    ]);
    expect(stack.get("db-group").inputs).not.toHaveProperty("egress");
    expect(stack.ofType("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")).toEqual([]);
  });

  test("says aloud that its connector has no TLS, and with which sslmode it connects", async () => {
    const warn = vi.spyOn(log, "warn").mockResolvedValue();
    const stack = await database({ withoutTls: { connectorVersion: "0.12.0", sslmode: "disable" } });
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.stringContaining("connector 0.12.0 connects with sslmode=disable"),
      stack.result,
    );
    warn.mockRestore();
    expect(stack.result.tls).toEqual({ forced: false, sslmode: "disable" });
    expect(stack.get("db-parameters").inputs.parameters).toContainEqual({
      name: "rds.force_ssl",
      value: "0",
      applyMethod: "immediate",
    });
  });

  test("is named in lower case with at most 63 characters, or as the party says", async () => {
    const named = await database({ identifierPrefix: "Zama", name: `k${"x".repeat(62)}` });
    const { identifier } = named.get("db-instance").inputs;
    expect(identifier).toBe(`zama-testnet-k${"x".repeat(49)}`);
    expect(identifier).toHaveLength(63);
    expect((await database({ identifier: "mine" })).get("db-instance").inputs.identifier).toBe("mine");
  });

  test("is refused with a name that RDS refuses, short backups, or open to everybody", async () => {
    const wrong = { name: "kms_connector", username: "rdsadmin", backupDays: 6, allowedCidrs: ["0.0.0.0/0"] };
    await expect(database(wrong)).rejects.toMatchObject({
      errors: [
        { propertyPath: "settings.identifier" },
        { propertyPath: "settings.username" },
        { propertyPath: "settings.backupDays" },
        { propertyPath: "settings.allowedCidrs" },
      ],
    });
  });
});

describe("its settings", () => {
  const complaint = (value: object) => Settings.safeParse(value).error?.issues.map(({ path }) => path.join("."));

  test("refuse backups of less than a week, storage that could not grow, and half a reason for no TLS", () => {
    expect(complaint({ backupDays: 6 })).toEqual(["backupDays"]);
    expect(complaint({ storageGib: 100, maxStorageGib: 109 })).toEqual(["maxStorageGib"]);
    expect(complaint({ storageGib: 100, maxStorageGib: 110 })).toBeUndefined();
    expect(complaint({ withoutTls: { sslmode: "disable" } })).toEqual(["withoutTls.connectorVersion"]);
    expect(complaint({ withoutTls: { connectorVersion: "1", sslmode: "require" } })).toEqual(["withoutTls.sslmode"]);
  });
});

test("the engine makes it, finds it unchanged, and AWS keeps it from deletion", async () => {
  await using cloud = await testCloud();
  const account = testAccount(1);
  const stack = await cloud.stack("database", async () => {
    const { profile, region } = account;
    const provider = new aws.Provider("party", { profile, region: region as aws.Region });
    const nodes = new aws.ec2.SecurityGroup("nodes", { vpcId: account.vpc.vpcId }, { provider });
    const made = new ConnectorDatabase(
      "db",
      {
        ...args(),
        vpcId: account.vpc.vpcId,
        subnetIds: account.vpc.subnets.map(({ id }) => id),
        clientSecurityGroupId: nodes.id,
      },
      // Without the engine's own protection AWS's is left.
      { provider, transforms: [({ props, opts }) => ({ props, opts: { ...opts, protect: false } })] },
    );
    return { endpoint: made.endpoint, secret: made.passwordSecretArn };
  });
  const { outputs } = await stack.up();
  expect(outputs.endpoint?.value).toMatch(/^zama-testnet-kmsconnector\..*\.rds\.amazonaws\.com:5432$/);
  expect(outputs.secret?.value).toMatch(/^arn:aws:secretsmanager:eu-west-1:111111111111:secret:rds!db-/);
  expect((await stack.up()).summary.resourceChanges).toEqual({ same: 10 });
  await expect(stack.destroy()).rejects.toThrow(/Cannot delete protected DB Instance/);
}, 120_000);
