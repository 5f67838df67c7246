import { hex } from "./network.ts";

const image = (name: string, digit: string) => ({
  repository: `example/${name}`,
  tag: "v0.13.0",
  digest: `sha256:${hex(64, digit)}`,
});
const address = (digit: string) => `0x${hex(40, digit)}`;

/** A chart as a manifest spells it; nobody reads it. */
export const chart = (name: string, version: string) => ({
  ref: `oci://example/${name}`,
  version,
  digest: `sha256:${hex(64, "c")}`,
});

/** What a manifest may agree on beside the core. */
export const agreedConnector = (version = "1.5.1", ethereum: object = { kmsVerifier: address("4") }) => ({
  chart: chart("kms-connector", version),
  images: {
    dbMigration: image("db-migration", "1"),
    gwListener: image("gw-listener", "2"),
    kmsWorker: image("kms-worker", "3"),
    txSender: image("tx-sender", "4"),
  },
  gateway: { chainId: 10_901, decryption: address("1"), gatewayConfig: address("2") },
  kmsGeneration: address("3"),
  ethereum: { chainId: 11_155_111, ...ethereum },
  hostChains: [
    { name: "ethereum", chainId: 11_155_111, acl: address("5") },
    { name: "polygon", chainId: 80_002, acl: address("6") },
  ],
});

/** A stack that wants a connector, and has what it needs. */
export const wantsConnector = {
  connector: {},
  txSenderKey: {},
  connectorDatabase: { withoutTls: { connectorVersion: "v0.13.0", sslmode: "prefer" } },
  secrets: { byHand: ["registry-credentials", "connector-database", "rpc", "conduit"] },
};

export const agreedCoreClient = { image: image("core-client", "7") };

export const agreedGatewayNode = {
  chart: chart("nitro", "0.7.11"),
  image: image("nitro-node", "8"),
  parentChainId: 421_614,
  chain: {
    chainId: 10_901,
    name: "example",
    infoJson: JSON.stringify([{ "chain-id": 10_901, "parent-chain-id": 421_614 }]),
  },
  dataAvailabilityUrl: "https://das.example",
  feedUrl: "wss://relay.example",
  parentRpcSecretKey: "arbitrum-sepolia-rpc-url",
  storageGib: 2000,
};
