import { createHash, randomBytes } from "node:crypto";
import type { Properties } from "../property-values.ts";
import { type AwsCaller, type AwsResource, awsError, list, text } from "./aws-resource.ts";
import { requireSubnets } from "./ec2.ts";

const instanceType = "aws:rds/instance:Instance";
const subnetGroupType = "aws:rds/subnetGroup:SubnetGroup";
const parameterGroupType = "aws:rds/parameterGroup:ParameterGroup";

const arn = (caller: AwsCaller, kind: string, name: string) =>
  `arn:aws:rds:${caller.region}:${caller.account.accountId}:${kind}:${name}`;

const refused = (operation: string, code: string, message: string) => awsError("RDS", operation, 400, code, message);

const subnetGroup: AwsResource = {
  create(caller, inputs) {
    const name = text(inputs.name);
    if (caller.store.get(subnetGroupType, name))
      throw refused(
        "CreateDBSubnetGroup",
        "DBSubnetGroupAlreadyExists",
        `The DB subnet group '${name}' already exists.`,
      );
    coverZones(caller, "CreateDBSubnetGroup", inputs);
    return {
      id: name,
      computed: { arn: arn(caller, "subgrp", name), vpcId: caller.account.vpc.vpcId, supportedNetworkTypes: ["IPV4"] },
    };
  },
  update(caller, _id, inputs) {
    coverZones(caller, "ModifyDBSubnetGroup", inputs);
    return {};
  },
  remove: (caller, id) => requireUnused(caller, "DeleteDBSubnetGroup", "dbSubnetGroupName", id),
};

function coverZones(caller: AwsCaller, operation: string, inputs: Properties): void {
  const ids = list<string>(inputs.subnetIds);
  requireSubnets(caller, operation, ids);
  const zones = new Set(caller.account.vpc.subnets.filter(({ id }) => ids.includes(id)).map(({ az }) => az));
  if (zones.size < 2)
    throw refused(
      operation,
      "DBSubnetGroupDoesNotCoverEnoughAZs",
      `The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: ${[...zones]}. Add subnets to cover at least 2 AZs.`,
    );
}

const parameterGroup: AwsResource = {
  create(caller, inputs) {
    const name = text(inputs.name);
    if (caller.store.get(parameterGroupType, name))
      throw refused(
        "CreateDBParameterGroup",
        "DBParameterGroupAlreadyExists",
        `Parameter group ${name} already exists`,
      );
    return { id: name, computed: { arn: arn(caller, "pg", name) } };
  },
  remove: (caller, id) => requireUnused(caller, "DeleteDBParameterGroup", "parameterGroupName", id),
};

function requireUnused(caller: AwsCaller, operation: string, field: string, name: string): void {
  const user = caller.store.list(instanceType).find(({ props }) => props[field] === name);
  if (user) throw refused(operation, "InvalidDBParameterGroupState", `${name} is in use by DB instance ${user.id}`);
}

const instance: AwsResource = {
  create(caller, inputs) {
    const identifier = text(inputs.identifier);
    checkInstance(caller, inputs);
    if (caller.store.get(instanceType, identifier))
      throw refused("CreateDBInstance", "DBInstanceAlreadyExists", "DB instance already exists");
    const suffix = createHash("sha256").update(caller.account.accountId).digest("hex").slice(0, 12);
    const address = `${identifier}.c${suffix}.${caller.region}.rds.amazonaws.com`;
    const port = Number(inputs.port ?? 5432);
    const resourceId = `db-${randomBytes(13).toString("hex").toUpperCase()}`;
    return {
      id: identifier,
      computed: {
        address,
        endpoint: `${address}:${port}`,
        port,
        arn: arn(caller, "db", identifier),
        availabilityZone: inputs.availabilityZone ?? caller.account.vpc.subnets[0]?.az,
        backupWindow: inputs.backupWindow ?? "03:00-03:30",
        caCertIdentifier: inputs.caCertIdentifier ?? "rds-ca-rsa2048-g1",
        engineVersionActual: inputs.engineVersion,
        hostedZoneId: "Z29XKXDKYMONMX",
        kmsKeyId: inputs.kmsKeyId ?? "",
        maintenanceWindow: inputs.maintenanceWindow ?? "sun:05:00-sun:05:30",
        masterUserSecretKmsKeyId: inputs.masterUserSecretKmsKeyId ?? "",
        masterUserSecrets: inputs.manageMasterUserPassword === true ? [masterSecret(caller, resourceId)] : [],
        resourceId,
        status: "available",
        storageType: inputs.storageType ?? "gp2",
      },
    };
  },
  update(caller, _id, inputs) {
    checkInstance(caller, inputs);
    return { engineVersionActual: inputs.engineVersion };
  },
  remove(_caller, _id, props) {
    if (props.deletionProtection === true)
      throw refused(
        "DeleteDBInstance",
        "InvalidParameterCombination",
        "Cannot delete protected DB Instance, please disable deletion protection and try again.",
      );
    if (props.skipFinalSnapshot !== true && !props.finalSnapshotIdentifier)
      throw new Error("final_snapshot_identifier is required when skip_final_snapshot is false");
  },
};

function checkInstance(caller: AwsCaller, inputs: Properties): void {
  const identifier = text(inputs.identifier);
  if (!/^[a-z](-?[a-z0-9])*$/.test(identifier) || identifier.length > 63)
    throw refused(
      "CreateDBInstance",
      "InvalidParameterValue",
      `The parameter DBInstanceIdentifier is not a valid identifier: ${identifier}`,
    );
  for (const [field, type, code] of [
    ["dbSubnetGroupName", subnetGroupType, "DBSubnetGroupNotFoundFault"],
    ["parameterGroupName", parameterGroupType, "DBParameterGroupNotFound"],
  ] as const) {
    const name = inputs[field];
    if (name !== undefined && !caller.store.get(type, text(name)))
      throw refused("CreateDBInstance", code, `${text(name)} does not exist`);
  }
  if (inputs.manageMasterUserPassword !== true && inputs.password === undefined)
    throw refused(
      "CreateDBInstance",
      "InvalidParameterValue",
      "MasterUserPassword or ManageMasterUserPassword is needed",
    );
  const family = caller.store.get(parameterGroupType, text(inputs.parameterGroupName))?.props.family;
  const major = text(inputs.engineVersion).split(".")[0];
  if (family !== undefined && family !== `${text(inputs.engine)}${major}`)
    throw refused(
      "CreateDBInstance",
      "InvalidParameterCombination",
      `The Parameter Group ${text(inputs.parameterGroupName)} with DBParameterGroupFamily ${text(family)} can't be used for this instance.`,
    );
}

function masterSecret(caller: AwsCaller, resourceId: string): Properties {
  const { region, account } = caller;
  const name = `rds!${resourceId.toLowerCase()}-${randomBytes(3).toString("hex")}`;
  return {
    kmsKeyId: `arn:aws:kms:${region}:${account.accountId}:key/aws-secretsmanager`,
    secretArn: `arn:aws:secretsmanager:${region}:${account.accountId}:secret:${name}`,
    secretStatus: "active",
  };
}

/** Rotation of a secret that AWS manages: it needs no function of one's own. */
const secretRotation: AwsResource = {
  create(caller, inputs) {
    const id = text(inputs.secretId);
    const isManaged = caller.store
      .list(instanceType)
      .some(({ props }) => list<Properties>(props.masterUserSecrets).some(({ secretArn }) => secretArn === id));
    if (!isManaged)
      throw awsError(
        "Secrets Manager",
        "RotateSecret",
        400,
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.",
      );
    return { id, computed: { rotationEnabled: inputs.rotationEnabled ?? true } };
  },
};

export const rdsResources: { readonly [type: string]: AwsResource } = {
  [subnetGroupType]: subnetGroup,
  [parameterGroupType]: parameterGroup,
  [instanceType]: instance,
  "aws:secretsmanager/secretRotation:SecretRotation": secretRotation,
};
