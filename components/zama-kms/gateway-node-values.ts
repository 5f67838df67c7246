import type { GatewayNodeAgreement } from "../../contract/optional-releases.ts";

/** Name of the Helm release, and of the Service in front of the node. */
export const gatewayNodeName = "gateway-node";
/** Labels of its pod, as the chart nitro gives them. */
export const gatewayNodePods = { "app.kubernetes.io/instance": gatewayNodeName };
export const gatewayNodePort = 8547;

/** Where it answers inside the party's namespace. */
export const gatewayNodeUrl = `http://${gatewayNodeName}:${gatewayNodePort}`;

/** What one party decides of its node. */
export interface GatewayNodeSettings {
  storageGib: number;
  storageClass: string;
  /** Label and taint of nodes that are kept for it. @default any node */
  nodeLabel?: string | undefined;
}

/** As nitro's own pages want it for a full node. @see https://docs.arbitrum.io/run-arbitrum-node/run-full-node */
const resources = { requests: { cpu: "2", memory: "8Gi" }, limits: { cpu: "4", memory: "16Gi" } };

/** Flags; the connector asks for the root of the address, and from other pods. */
const customArgs = [
  "http.addr=0.0.0.0",
  "http.vhosts=*",
  "http.rpcprefix=/",
  "http.api=net,web3,eth,debug,txpool",
  "ws.addr=0.0.0.0",
  "ws.rpcprefix=/",
  "execution.rpc.log-no-history",
  "execution.rpc.log-history=0",
  "execution.transaction-filtering.enable-ethcall-filter=false",
  "node.staker.enable=false",
];

/** Values of the chart nitro: chain, image and addresses from the manifest, sizes and place the party's own. */
export function gatewayNodeValues(agreed: GatewayNodeAgreement, settings: GatewayNodeSettings) {
  const { image, parentRpcSecretKey } = agreed;
  return {
    // Left out it would be gateway-node-nitro, under which nobody looks for it.
    fullnameOverride: gatewayNodeName,
    image: { repository: image.repository, tag: `${image.tag}@${image.digest}`, pullPolicy: "IfNotPresent" },
    customArgs,
    extraEnv: [
      secretVar("NITRO_PARENT-CHAIN_CONNECTION_URL", "arbitrum", parentRpcSecretKey),
      secretVar("NITRO_EXECUTION_FORWARDING-TARGET", "conduit", "conduit-rpc-http-url"),
    ],
    persistence: { enabled: true, size: `${settings.storageGib}Gi`, storageClassName: settings.storageClass },
    resources,
    ...keptNodes(settings.nodeLabel),
    configmap: { enabled: true, data: configuration(agreed) },
    readinessProbe: { enabled: true, tcpSocket: { port: "http-rpc" } },
    startupProbe: { enabled: false },
  };
}

function configuration({ parentChainId, chain, feedUrl, dataAvailabilityUrl }: GatewayNodeAgreement) {
  return {
    http: { rpcprefix: "" },
    "parent-chain": { id: parentChainId },
    chain: { id: chain.chainId, name: chain.name, "info-json": chain.infoJson },
    execution: {
      caching: "archive",
      "parent-chain-reader": { "poll-timeout": "10s", "poll-interval": "15s" },
      forwarder: { "update-interval": "100ms" },
    },
    node: {
      "data-availability": { enable: true, "rest-aggregator": { enable: true, urls: [dataAvailabilityUrl] } },
      feed: { input: { url: feedUrl } },
      staker: { "log-query-batch-size": 5000 },
    },
    metrics: true,
  };
}

function keptNodes(label: string | undefined) {
  if (label === undefined) return {};
  return {
    nodeSelector: { [label]: "true" },
    tolerations: [{ key: label, operator: "Equal", value: "true", effect: "NoSchedule" }],
  };
}

function secretVar(name: string, secret: string, key: string) {
  return { name, valueFrom: { secretKeyRef: { name: secret, key } } };
}
