import { z } from "zod";
import { Digest, HostLabel } from "./names.ts";
import { ToolImage } from "./tool-image.ts";

/** What may run beside a core; each is a release of its own, and off unless the stack file says otherwise. */
export const optionalReleases = ["connector", "coreClient", "gatewayNode"] as const;
export type OptionalRelease = (typeof optionalReleases)[number];

/** A Helm chart of which all parties have the same bytes. */
export const PinnedChart = z.strictObject({
  ref: z.string().min(1).describe("`oci://…`, or a path relative to the manifest."),
  version: z
    .string()
    .regex(/^\d+\.\d+\.\d+/, "a chart version looks like 1.9.1")
    .describe("Version of the chart."),
  digest: Digest.describe("What it has to be, byte for byte: the digest in the registry, or of all its files."),
});
export type PinnedChart = z.infer<typeof PinnedChart>;

const ChainId = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const ContractAddress = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "a contract's address is 0x and 40 hex digits")
  .refine((address) => !/^0x0{40}$/.test(address), "the zero address is nobody's contract");

const HostChain = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, "a chain's name is lower-case words joined by dashes")
    .max(30)
    .describe("Name of the chain; Secret `rpc` has its endpoint under `<name>-rpc-url`."),
  chainId: ChainId.describe("Its id."),
  acl: ContractAddress.describe("Contract that says who may decrypt what."),
});

export const ConnectorAgreement = z.strictObject({
  chart: PinnedChart.describe("The Helm chart kms-connector."),
  images: z
    .strictObject({
      dbMigration: ToolImage.describe("Brings the database to the schema that the services expect."),
      gwListener: ToolImage.describe("Listens to the gateway."),
      kmsWorker: ToolImage.describe("Gives the core its orders."),
      txSender: ToolImage.describe("Sends the answers."),
    })
    .describe("What runs, by digest."),
  migrationTls: z
    .enum(["absent", "present"])
    .default("absent")
    .describe(
      "Whether the image `dbMigration` can connect with TLS. Up to v0.13.0 it can not: its sqlx is built without.",
    ),
  gateway: z
    .strictObject({
      chainId: ChainId.describe("Id of the gateway's chain."),
      decryption: ContractAddress.describe("Contract Decryption."),
      gatewayConfig: ContractAddress.describe("Contract GatewayConfig."),
    })
    .describe("The gateway's chain and its contracts."),
  kmsGeneration: ContractAddress.describe(
    "Contract KMSGeneration: on the gateway up to chart 1.5.2, on Ethereum from 1.5.3.",
  ),
  ethereum: z
    .strictObject({
      chainId: ChainId.describe("Id of the chain."),
      kmsVerifier: ContractAddress.optional().describe("Contract KMSVerifier, which charts up to 1.5.2 read."),
      protocolConfig: ContractAddress.optional().describe("Contract ProtocolConfig, which charts from 1.5.3 read."),
    })
    .describe("Ethereum, where the protocol's contracts lie; Secret `rpc` has its endpoint under `ethereum-rpc-url`."),
  hostChains: z
    .array(HostChain)
    .min(1)
    .refine((chains) => new Set(chains.map(({ name }) => name)).size === chains.length, "two have the same name")
    .refine((chains) => new Set(chains.map(({ chainId }) => chainId)).size === chains.length, "two have the same id")
    .describe("Chains whose ciphertexts may be decrypted, Ethereum among them."),
});
export type ConnectorAgreement = z.infer<typeof ConnectorAgreement>;

export const CoreClientAgreement = z.strictObject({
  image: ToolImage.describe("The image core-client, which has `kms-health-check`; of the version of the cores."),
});

export const GatewayNodeAgreement = z.strictObject({
  chart: PinnedChart.describe(
    "The Helm chart nitro. Its own registry has no digests: keep a copy beside the manifest.",
  ),
  image: ToolImage.describe("The image nitro-node."),
  parentChainId: ChainId.describe("Id of the chain that the gateway's chain settles on."),
  chain: z
    .strictObject({
      chainId: ChainId.describe("Id of the gateway's chain."),
      name: z.string().min(1).describe("Its name."),
      infoJson: z
        .string()
        .refine(isJsonList, "has to be JSON: a list of one chain")
        .describe("What nitro calls `info-json`: the chain's configuration and the addresses of its rollup."),
    })
    .describe("The gateway's chain."),
  dataAvailabilityUrl: z.httpUrl().describe("Where the data of its blocks is kept."),
  feedUrl: z
    .string()
    .regex(/^wss:\/\/\S+$/, "a feed's address begins with wss://")
    .describe("The sequencer's feed of blocks that are not final yet."),
  parentRpcSecretKey: z
    .string()
    .regex(/^[-._a-zA-Z0-9]+$/, "a key of a Secret has letters, digits, - . and _ only")
    .default("arbitrum-rpc-url")
    .describe("Key in Secret `arbitrum` of the parent chain's endpoint."),
  storageGib: z.int().min(50).default(250).describe("Storage of the node, in GiB; an archive grows."),
});
export type GatewayNodeAgreement = z.infer<typeof GatewayNodeAgreement>;

/** What one party says of its connector. */
export const ConnectorChoice = z.strictObject({
  database: z
    .strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z][A-Za-z0-9_]{0,62}$/, "a database name is letters, digits and _, a letter first")
        .default("kmsconnector")
        .describe("Name of the database."),
      sslmode: z
        .enum(["disable", "allow", "prefer", "require"])
        .default("require")
        .describe("How the connector connects to it."),
      cidrs: z
        .array(z.cidrv4())
        .min(1)
        .default(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])
        .describe("Where it lies."),
    })
    .optional()
    .describe(
      "A database that exists; Secret `connector-database` has its `endpoint` too. Left out: the one of `connectorDatabase`.",
    ),
});
export type ConnectorChoice = z.infer<typeof ConnectorChoice>;

export const CoreClientChoice = z.strictObject({
  memoryMib: z.int().min(256).default(1024).describe("Memory that it may take, in MiB."),
});

export const GatewayNodeChoice = z.strictObject({
  storageGib: z.int().min(50).optional().describe("Storage of the node, in GiB. Left out: what the manifest says."),
  storageClass: HostLabel.default("gp3").describe("Storage class of its volume."),
  nodeLabel: z
    .string()
    .regex(/^([a-z0-9.-]+\/)?[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$/, "a label's key looks like example.com/name")
    .optional()
    .describe("Label, and taint, with the value `true`, of nodes kept for it. Left out: it runs on any node."),
});

function isJsonList(text: string): boolean {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.length === 1;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
