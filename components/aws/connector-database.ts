import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { ConnectorDatabase as Settings } from "../../contract/connector-database.ts";
import { checkArgs } from "../check-args.ts";

const port = 5432;
/** Certificate authority of the server's certificate; its bundle is what a client verifies with. */
const serverCa = "rds-ca-rsa2048-g1";
const shortestBackupDays = 7;
/** Names that RDS keeps for itself. @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html */
const reservedUsers = new Set(["admin", "rdsadmin", "rdsrepladmin", "rds_superuser", "public"]);

export interface ConnectorDatabaseArgs {
  settings: Settings;
  /** Environment of the network: a part of the instance's name. */
  environment: string;
  vpcId: pulumi.Input<string>;
  /** Private subnets, in at least two zones. */
  subnetIds: pulumi.Input<pulumi.Input<string>[]>;
  /** Security group of the cluster's nodes: who may connect. */
  clientSecurityGroupId: pulumi.Input<string>;
}

/**
 * The connector's PostgreSQL database. Creates: subnet group, security group with its rules, parameter group,
 * instance, rotation of the password that AWS makes and keeps.
 *
 * About $57 a month as it comes: db.t4g.medium at $0.07 per hour, and 50 GiB at $0.127 (list price Ireland, 2026-11).
 */
export class ConnectorDatabase extends pulumi.ComponentResource {
  /** Host and port. */
  readonly endpoint: pulumi.Output<string>;
  readonly host: pulumi.Output<string>;
  readonly name: string;
  readonly username: string;
  readonly deletionProtection: boolean;
  /** Secret with user and password; the password itself is in no state. */
  readonly passwordSecretArn: pulumi.Output<string>;
  readonly tls: { forced: boolean; sslmode: string };

  constructor(name: string, args: ConnectorDatabaseArgs, opts?: pulumi.ComponentResourceOptions) {
    const { settings } = args;
    const identifier = databaseIdentifier(settings, args.environment);
    check(name, settings, identifier);
    super("quorate:aws:ConnectorDatabase", name, {}, opts);
    warnWithoutTls(this, settings);
    const group = createSecurityGroup(this, name, args);
    const instance = createInstance(this, name, args, identifier, group);
    this.passwordSecretArn = rotatePassword(this, name, settings, instance);
    this.endpoint = instance.endpoint;
    this.host = instance.address;
    this.name = settings.name;
    this.username = settings.username;
    this.deletionProtection = settings.deletionProtection;
    this.tls = tlsOf(settings);
    this.registerOutputs({
      endpoint: this.endpoint,
      host: this.host,
      name: this.name,
      username: this.username,
      deletionProtection: this.deletionProtection,
      passwordSecretArn: this.passwordSecretArn,
      tls: this.tls,
    });
  }
}

/** The name that the party chose, or the one that the reference's module makes: lower case, at most 63 characters. */
export function databaseIdentifier(settings: Settings, environment: string): string {
  const made = `${settings.identifierPrefix}-${environment}-${settings.name}`.toLowerCase().slice(0, 63);
  return settings.identifier ?? made;
}

function check(name: string, settings: Settings, identifier: string) {
  checkArgs(`connector database ${name}`, [
    !/^[a-z](-?[a-z0-9])*$/.test(identifier) && {
      propertyPath: "settings.identifier",
      reason: `RDS takes lower-case words joined by single dashes, found ${identifier}; give an identifier`,
    },
    reservedUsers.has(settings.username.toLowerCase()) && {
      propertyPath: "settings.username",
      reason: `${settings.username} is a name that RDS keeps for itself`,
    },
    settings.backupDays < shortestBackupDays && {
      propertyPath: "settings.backupDays",
      reason: `has to be at least ${shortestBackupDays}, found ${settings.backupDays}`,
    },
    settings.allowedCidrs?.some((cidr) => cidr.endsWith("/0")) === true && {
      propertyPath: "settings.allowedCidrs",
      reason: "a database is never open to everybody",
    },
  ]);
}

function tlsOf({ withoutTls }: Settings): { forced: boolean; sslmode: string } {
  return withoutTls ? { forced: false, sslmode: withoutTls.sslmode } : { forced: true, sslmode: "require" };
}

function warnWithoutTls(parent: ConnectorDatabase, { withoutTls }: Settings) {
  if (withoutTls === undefined) return;
  const { connectorVersion, sslmode } = withoutTls;
  void pulumi.log.warn(
    `connector ${connectorVersion} connects with sslmode=${sslmode}, so its database accepts connections without TLS; remove connectorDatabase.withoutTls with the first version that can`,
    parent,
  );
}

function createSecurityGroup(parent: ConnectorDatabase, name: string, args: ConnectorDatabaseArgs) {
  const group = new aws.ec2.SecurityGroup(
    `${name}-group`,
    { description: "From this party's connector to its database", vpcId: args.vpcId },
    { parent },
  );
  // No rule out: the database opens no connection.
  const admit = (key: string, from: { referencedSecurityGroupId: pulumi.Input<string> } | { cidrIpv4: string }) =>
    new aws.vpc.SecurityGroupIngressRule(
      `${name}-from-${key}`,
      {
        securityGroupId: group.id,
        ipProtocol: "tcp",
        fromPort: port,
        toPort: port,
        description: `From ${key}`,
        ...from,
      },
      { parent },
    );
  admit("cluster", { referencedSecurityGroupId: args.clientSecurityGroupId });
  for (const cidrIpv4 of args.settings.allowedCidrs ?? []) admit(cidrIpv4, { cidrIpv4 });
  return group;
}

function createParameters(parent: ConnectorDatabase, name: string, settings: Settings) {
  return new aws.rds.ParameterGroup(
    `${name}-parameters`,
    {
      family: `postgres${settings.engineVersion.split(".")[0]}`,
      description: "Connections to the connector's database",
      // Said either way: what a version leaves unsaid differs from one to the next.
      parameters: [
        { name: "rds.force_ssl", value: tlsOf(settings).forced ? "1" : "0", applyMethod: "immediate" },
        { name: "log_connections", value: "1", applyMethod: "immediate" },
      ],
    },
    { parent },
  );
}

function createInstance(
  parent: ConnectorDatabase,
  name: string,
  { settings, subnetIds }: ConnectorDatabaseArgs,
  identifier: string,
  group: aws.ec2.SecurityGroup,
): aws.rds.Instance {
  const subnets = new aws.rds.SubnetGroup(
    `${name}-subnets`,
    { subnetIds, description: "Private subnets of this party" },
    { parent },
  );
  return new aws.rds.Instance(
    `${name}-instance`,
    {
      identifier,
      engine: "postgres",
      engineVersion: settings.engineVersion,
      // A version is a reviewed line of the stack's configuration.
      autoMinorVersionUpgrade: false,
      instanceClass: settings.instanceClass,
      allocatedStorage: settings.storageGib,
      maxAllocatedStorage: settings.maxStorageGib,
      storageType: "gp3",
      storageEncrypted: true,
      multiAz: settings.multiAz,
      dbName: settings.name,
      port,
      username: settings.username,
      manageMasterUserPassword: true,
      iamDatabaseAuthenticationEnabled: false,
      caCertIdentifier: serverCa,
      parameterGroupName: createParameters(parent, name, settings).name,
      dbSubnetGroupName: subnets.name,
      vpcSecurityGroupIds: [group.id],
      publiclyAccessible: false,
      backupRetentionPeriod: settings.backupDays,
      deleteAutomatedBackups: false,
      copyTagsToSnapshot: true,
      enabledCloudwatchLogsExports: ["postgresql", "upgrade"],
      deletionProtection: settings.deletionProtection,
      skipFinalSnapshot: false,
      finalSnapshotIdentifier: `${identifier}-final`,
    },
    { parent, protect: settings.deletionProtection },
  );
}

function rotatePassword(
  parent: ConnectorDatabase,
  name: string,
  { passwordRotationDays }: Settings,
  instance: aws.rds.Instance,
): pulumi.Output<string> {
  const secretArn = instance.masterUserSecrets.apply((secrets) => {
    const found = secrets[0]?.secretArn;
    if (found) return found;
    throw new pulumi.InputPropertyError({ propertyPath: "settings", reason: "the database has no managed password" });
  });
  new aws.secretsmanager.SecretRotation(
    `${name}-rotation`,
    {
      secretId: secretArn,
      rotationRules: { automaticallyAfterDays: passwordRotationDays },
      // The first password is minutes old.
      rotateImmediately: false,
    },
    { parent },
  );
  return secretArn;
}
