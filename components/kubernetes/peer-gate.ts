import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { nodeImage } from "./prober.ts";
import { scriptPod } from "./script-pod.ts";

/** Value of the `app` label of the gate's pods. */
export const peerGateName = "quorate-peer-gate";

/**
 * Hands every connection on as it is: TLS begins and ends at the cores. An end of one side reaches the other as it was,
 * and a side that is silent for ten minutes is gone.
 */
const script = `import net from "node:net";
const host = process.env.QUORATE_CORE_HOST;
for (const port of process.env.QUORATE_PORTS.split(",").map(Number))
  net
    .createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }, (peer) => {
      const core = net.connect({ host, port, allowHalfOpen: true, noDelay: true, keepAlive: true });
      for (const [side, other] of [[peer, core], [core, peer]]) {
        side.setTimeout(600_000, () => side.destroy());
        side.on("error", () => other.resetAndDestroy());
        side.on("close", () => other.destroySoon());
        side.pipe(other);
      }
    })
    .listen(port, "0.0.0.0");
process.on("SIGTERM", () => process.exit(0));
`;

export interface PeerGateArgs {
  namespace: pulumi.Input<string>;
  /** Label and taint of the enclave nodes; both have the value `true`. */
  nodeKey: string;
  /** Name of the Service in front of the party's own core. */
  coreHost: string;
  /** Ports that peers reach; the same outside and inside. */
  ports: readonly number[];
  /** Port of the core's own clients, which is none of them. */
  grpcPort: number;
  /** A Node image, pinned by digest. @default the prober's */
  image?: string | undefined;
}

/**
 * The way from a node's public address to the core's pod, wherever that runs. Creates: ConfigMap with the gate's one
 * file, DaemonSet that listens on the agreed ports of every enclave node.
 */
export class PeerGate extends pulumi.ComponentResource {
  constructor(name: string, args: PeerGateArgs, opts?: pulumi.ComponentResourceOptions) {
    const image = args.image ?? nodeImage;
    checkArgs(`peer gate ${name}`, [
      args.ports.length === 0 && { propertyPath: "ports", reason: "is empty: nothing could pass" },
      (args.ports.includes(args.grpcPort) || args.ports.includes(50_100)) && {
        propertyPath: "ports",
        reason: `has ${args.grpcPort}, by which the core's own clients command it: peers never reach that`,
      },
      !/@sha256:[0-9a-f]{64}$/.test(image) && {
        propertyPath: "image",
        reason: `has to be pinned by digest, found ${image}`,
      },
    ]);
    super("quorate:kubernetes:PeerGate", name, {}, opts);
    const { namespace } = args;
    new kubernetes.core.v1.ConfigMap(
      `${name}-script`,
      { metadata: { name: peerGateName, namespace }, data: { "peer-gate.mjs": script } },
      { parent: this },
    );
    createDaemonSet(this, name, args, image);
    this.registerOutputs({});
  }
}

function createDaemonSet(parent: PeerGate, name: string, args: PeerGateArgs, image: string) {
  const labels = { app: peerGateName };
  new kubernetes.apps.v1.DaemonSet(
    `${name}-daemonset`,
    {
      metadata: { name: peerGateName, namespace: args.namespace, labels },
      spec: {
        selector: { matchLabels: labels },
        template: scriptPod({
          ...{ labels, nodeKey: args.nodeKey, source: script, configMapName: peerGateName },
          container: gateContainer(args, image),
        }),
      },
    },
    { parent },
  );
}

function gateContainer({ coreHost, ports }: PeerGateArgs, image: string) {
  return {
    name: "gate",
    image,
    workingDir: "/opt/quorate",
    command: ["node", "/opt/quorate/peer-gate.mjs"],
    env: [
      { name: "QUORATE_CORE_HOST", value: coreHost },
      { name: "QUORATE_PORTS", value: ports.join(",") },
    ],
    ports: ports.map((port) => ({ name: `port-${port}`, containerPort: port, hostPort: port, protocol: "TCP" })),
    resources: { requests: { cpu: "250m", memory: "128Mi" }, limits: { cpu: "2", memory: "512Mi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [{ name: "script", mountPath: "/opt/quorate", readOnly: true }],
  };
}
