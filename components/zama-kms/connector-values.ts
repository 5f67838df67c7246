import { type Input, output } from "@pulumi/pulumi";
import type { ConnectorAgreement } from "../../contract/optional-releases.ts";
import { databaseSecret, rpcKey } from "../../contract/release-secrets.ts";
import type { ToolImage } from "../../contract/tool-image.ts";
import { connectorChart } from "./connector-charts.ts";
import { type ChartImage, chartImage } from "./core-values.ts";

/** Name of the Helm release. */
export const connectorName = "kms-connector";

const services = {
  gwListener: "kms-connector-gw-listener",
  kmsWorker: "kms-connector-kms-worker",
  txSender: "kms-connector-tx-sender",
} as const;
export type ConnectorService = keyof typeof services;

/** Labels of the pods, by service; the same in every version of the chart that we know. */
export const connectorPods = {
  gwListener: { app: services.gwListener },
  kmsWorker: { app: services.kmsWorker },
  txSender: { app: services.txSender },
} as const satisfies Record<ConnectorService, object>;

/** What one party's values are made of, beyond what the network agreed on. */
export interface ConnectorSettings {
  /** Where the own core takes orders. */
  coreEndpoint: string;
  database: ConnectorDatabaseAddress;
  /** Address of the party's own node of the gateway's chain. Left out: it has none. */
  gatewayNodeUrl?: string | undefined;
  /** May sign with the key whose id the ConfigMap has. */
  serviceAccount: string;
  configMapName: string;
  /** Label and taint of the nodes. */
  nodeKey: string;
}

export interface ConnectorDatabaseAddress {
  /** Host and port. Left out: key `endpoint` of its Secret has them. */
  endpoint?: Input<string> | undefined;
  name: string;
  sslmode: string;
}

interface EnvVar {
  name: string;
  valueFrom: { secretKeyRef: { name: string; key: string } };
}

interface ServiceValues {
  enabled: true;
  nameOverride: string;
  image: ChartImage;
  replicas: 1;
  /** The chart's own switch is on for the one service that it has no collector for. */
  tracing: { enabled: false };
  nodeSelector: Record<string, string>;
  tolerations: { key: string; operator: string; value: string; effect: string }[];
}

/** Values of the kms-connector chart that we set, of whatever version. Names and nesting are the chart's. */
export interface ConnectorValues {
  commonConfig: {
    databaseUrl: Input<string>;
    gatewayUrl: string;
    /** Text: Helm writes a number of eight digits as 1.1155111e+07. */
    gatewayChainId: string;
    gatewayContractAddresses: { decryption: string; gatewayConfig: string; kmsGeneration?: string };
    ethereumUrl: string;
    ethereumChainId: string;
    ethereumContractAddresses: { kmsVerifier?: string; protocolConfig?: string; kmsGeneration?: string; acl?: string };
    env: EnvVar[];
  };
  /** Its Job has the image's tag in its name, where a digest can not be: `ConnectorMigration` does it. */
  kmsConnectorDbMigration: { enabled: false };
  kmsConnectorGwListener: ServiceValues & { config: { gatewayUrl: string } };
  kmsConnectorKmsWorker: ServiceValues & {
    config: { kmsCoreEndpoints: string; hostChains: { url: string; chainId: number; aclAddress: string }[] };
  };
  kmsConnectorTxSender: ServiceValues & {
    serviceAccountName: string;
    wallet: { awsKms: { enabled: true; configmap: { name: string; key: string } } };
  };
}

/** The values of one party's connector: chains, contracts and images from the manifest, the rest its own. */
export function connectorValues(agreed: ConnectorAgreement, settings: ConnectorSettings): ConnectorValues {
  const { images, hostChains } = agreed;
  return {
    commonConfig: commonConfig(agreed, settings),
    kmsConnectorDbMigration: { enabled: false },
    kmsConnectorGwListener: {
      ...service("gwListener", images.gwListener, settings),
      config: { gatewayUrl: settings.gatewayNodeUrl ?? fromEnv(conduitVar) },
    },
    kmsConnectorKmsWorker: {
      ...service("kmsWorker", images.kmsWorker, settings),
      config: {
        kmsCoreEndpoints: settings.coreEndpoint,
        hostChains: hostChains.map(({ name, chainId, acl }) => ({
          url: fromEnv(rpcVar(name)),
          chainId,
          aclAddress: acl,
        })),
      },
    },
    kmsConnectorTxSender: {
      ...service("txSender", images.txSender, settings),
      serviceAccountName: settings.serviceAccount,
      wallet: {
        awsKms: {
          enabled: true,
          configmap: { name: settings.configMapName, key: "KMS_CONNECTOR__TX_SENDER_AWS_KMS_KEY_ID" },
        },
      },
    },
  };
}

const conduitVar = "CONDUIT_RPC_HTTP_URL";
const endpointVar = "DATABASE_ENDPOINT";
const rpcVar = (chain: string) => `${chain.replaceAll("-", "_").toUpperCase()}_RPC_URL`;
/** Kubernetes puts the variable's value there when it starts the container: values and state have its name only. */
const fromEnv = (variable: string) => `$(${variable})`;

function commonConfig(agreed: ConnectorAgreement, { database }: ConnectorSettings): ConnectorValues["commonConfig"] {
  const { gateway, ethereum, kmsGeneration } = agreed;
  const onGateway = connectorChart(agreed.chart.version)?.generationOn === "gateway";
  const acl = agreed.hostChains.find(({ chainId }) => chainId === ethereum.chainId)?.acl;
  return {
    databaseUrl: databaseUrl(database),
    // Of the senders: a full node takes no eth_sendRawTransactionSync.
    gatewayUrl: fromEnv(conduitVar),
    gatewayChainId: String(gateway.chainId),
    gatewayContractAddresses: {
      decryption: gateway.decryption,
      gatewayConfig: gateway.gatewayConfig,
      ...(onGateway && { kmsGeneration }),
    },
    ethereumUrl: fromEnv(rpcVar("ethereum")),
    ethereumChainId: String(ethereum.chainId),
    ethereumContractAddresses: {
      ...(ethereum.kmsVerifier && { kmsVerifier: ethereum.kmsVerifier }),
      ...(ethereum.protocolConfig && { protocolConfig: ethereum.protocolConfig }),
      ...(!onGateway && { kmsGeneration }),
      ...(acl && { acl }),
    },
    env: [...databaseEnv(database), ...chainEnv(agreed)],
  };
}

/** By name alone: user and password come from the environment. */
export function databaseUrl({ endpoint, name, sslmode }: ConnectorDatabaseAddress): Input<string> {
  const url = (address: string) => `postgresql://${address}/${name}?sslmode=${sslmode}`;
  if (endpoint === undefined) return url(fromEnv(endpointVar));
  return typeof endpoint === "string" ? url(endpoint) : output(endpoint).apply(url);
}

/** What opens the database; the names are those that sqlx reads. */
export function databaseEnv({ endpoint }: ConnectorDatabaseAddress): EnvVar[] {
  return [
    ...(endpoint === undefined ? [secretVar(endpointVar, databaseSecret, "endpoint")] : []),
    secretVar("PGUSER", databaseSecret, "username"),
    secretVar("PGPASSWORD", databaseSecret, "password"),
  ];
}

function chainEnv({ hostChains }: ConnectorAgreement): EnvVar[] {
  const chains = new Set(["ethereum", ...hostChains.map(({ name }) => name)]);
  return [
    ...[...chains].map((chain) => secretVar(rpcVar(chain), "rpc", rpcKey(chain))),
    secretVar(conduitVar, "conduit", "conduit-rpc-http-url"),
  ];
}

function secretVar(name: string, secret: string, key: string): EnvVar {
  return { name, valueFrom: { secretKeyRef: { name: secret, key } } };
}

function service(of: ConnectorService, image: ToolImage, { nodeKey }: ConnectorSettings): ServiceValues {
  return {
    enabled: true,
    nameOverride: services[of],
    image: chartImage(image),
    replicas: 1,
    tracing: { enabled: false },
    nodeSelector: { [nodeKey]: "true" },
    tolerations: [{ key: nodeKey, operator: "Equal", value: "true", effect: "NoSchedule" }],
  };
}
