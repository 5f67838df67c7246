import * as pulumi from "@pulumi/pulumi";
import { enclaveNodeKey } from "../../contract/enclave-node-key.ts";
import type { PartyOutputs } from "../../contract/party-outputs.ts";
import { databaseSecret } from "../../contract/release-secrets.ts";
import { ExternalSecrets } from "../kubernetes/external-secrets.ts";
import { type PartyNamespace, partyNames } from "../kubernetes/party-namespace.ts";
import { ConnectorRelease } from "./connector-release.ts";
import type { ConnectorDatabaseAddress } from "./connector-values.ts";
import { CoreClientRelease } from "./core-client-release.ts";
import { coreObjects } from "./core-release.ts";
import { GatewayNodeRelease } from "./gateway-node-release.ts";
import { gatewayNodeUrl } from "./gateway-node-values.ts";
import { isHeld, type PartyArgs } from "./party-args.ts";
import { createConnectorTraffic, createCoreClientTraffic, createGatewayNodeTraffic } from "./release-traffic.ts";

/** What an optional release is built upon. */
export interface ReleaseGround {
  place: PartyNamespace;
  publicVault: { bucketName: pulumi.Output<string>; prefix: string };
  database: pulumi.Output<PartyOutputs["database"]> | undefined;
  /** What has to be there before any release: the Secrets, the network policies. */
  guards: readonly pulumi.Resource[];
}

/** What runs beside the core, each only where the stack file asks for it. */
export function createOptionalReleases(parent: pulumi.Resource, name: string, args: PartyArgs, ground: ReleaseGround) {
  createConnector(parent, name, args, ground);
  createGatewayNode(parent, name, args, ground);
  createCoreClient(parent, name, args, ground);
}

function createConnector(parent: pulumi.Resource, name: string, args: PartyArgs, ground: ReleaseGround) {
  const { config, manifest, party, charts } = args;
  if (config.connector === undefined || isHeld(args, "connector")) return;
  const agreed = agreedOn(manifest.connector, "connector");
  const { place } = ground;
  const secret = createDatabaseSecret(parent, name, args, ground);
  const traffic = createConnectorTraffic(parent, name, args, place.namespace);
  new ConnectorRelease(
    `${name}-kms-connector`,
    {
      namespace: place.namespace,
      agreed,
      chart: agreedOn(charts?.connector, "connector.chart"),
      coreEndpoint: `http://${coreObjects(party.id).services.core}:${manifest.ports.grpc}`,
      database: databaseAddress(args, ground),
      gatewayNodeUrl: config.gatewayNode && gatewayNodeUrl,
      serviceAccount: partyNames.serviceAccounts.connector,
      configMapName: partyNames.configMap,
      nodeKey: enclaveNodeKey,
      before: args.checkSecrets?.("connector"),
    },
    { parent, dependsOn: [place, ...ground.guards, ...secret, ...traffic] },
  );
}

function createGatewayNode(parent: pulumi.Resource, name: string, args: PartyArgs, ground: ReleaseGround) {
  const { config, manifest, charts } = args;
  if (config.gatewayNode === undefined || isHeld(args, "gatewayNode")) return;
  const agreed = agreedOn(manifest.gatewayNode, "gatewayNode");
  const { storageGib = agreed.storageGib, storageClass, nodeLabel } = config.gatewayNode;
  const { namespace } = ground.place;
  new GatewayNodeRelease(
    `${name}-gateway-node`,
    {
      ...{ namespace, agreed, storageGib, storageClass, nodeLabel },
      chart: agreedOn(charts?.gatewayNode, "gatewayNode.chart"),
      before: args.checkSecrets?.("gatewayNode"),
    },
    { parent, dependsOn: [ground.place, ...ground.guards, ...createGatewayNodeTraffic(parent, name, args, namespace)] },
  );
}

function createCoreClient(parent: pulumi.Resource, name: string, args: PartyArgs, ground: ReleaseGround) {
  const { config, manifest, party, chart } = args;
  if (config.coreClient === undefined || isHeld(args, "coreClient")) return;
  const { place, publicVault } = ground;
  new CoreClientRelease(
    `${name}-core-client`,
    {
      namespace: place.namespace,
      manifest,
      chart,
      partyId: party.id,
      region: config.region,
      image: agreedOn(manifest.coreClient, "coreClient").image,
      publicVault,
      configMapName: partyNames.configMap,
      memoryMib: config.coreClient.memoryMib,
      nodeKey: enclaveNodeKey,
      before: args.checkSecrets?.("coreClient"),
    },
    { parent, dependsOn: [place, ...ground.guards, ...createCoreClientTraffic(parent, name, args, place.namespace)] },
  );
}

/** The database of this stack, through its name in the cluster; or one that exists. */
function databaseAddress({ config }: PartyArgs, { database }: ReleaseGround): ConnectorDatabaseAddress {
  const { connectorDatabase: own, connector } = config;
  if (own === undefined || database === undefined) {
    const { name, sslmode } = connector?.database ?? { name: "kmsconnector", sslmode: "require" };
    return { name, sslmode };
  }
  const endpoint = database.apply((made) => `${made?.host}:5432`);
  return { endpoint, name: own.name, sslmode: own.withoutTls?.sslmode ?? "require" };
}

/** AWS makes the user's password of a database of this stack: nobody else has to name where it lies. */
function createDatabaseSecret(parent: pulumi.Resource, name: string, { config }: PartyArgs, ground: ReleaseGround) {
  const { secrets } = config;
  if (ground.database === undefined || secrets === undefined || !("externalSecrets" in secrets)) return [];
  const { storeKind: kind, storeName, from } = secrets.externalSecrets;
  if (from.some((source) => source.name === databaseSecret)) return [];
  const remoteName = ground.database.apply((made) => String(made?.passwordSecretArn));
  return [
    new ExternalSecrets(
      `${name}-database-secret`,
      {
        namespace: ground.place.namespace,
        store: { kind, name: storeName },
        secrets: [{ name: databaseSecret, remoteName, form: "fields" }],
      },
      { parent },
    ),
  ];
}

/** Whoever reads the stack file has checked it. */
function agreedOn<T>(value: T | undefined, field: string): T {
  if (value !== undefined) return value;
  throw new pulumi.InputPropertyError({ propertyPath: field, reason: "the manifest agrees on none" });
}
