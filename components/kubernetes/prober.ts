import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { scriptPod } from "./script-pod.ts";

/** Name of the prober's Deployment and ConfigMap, and value of its `app` label. */
export const proberName = "quorate-prober";

/** Node 24.18 on Debian 12. */
export const nodeImage =
  "docker.io/library/node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d";

/**
 * Does nothing until it is told to end: probes come in through `kubectl exec`. As process 1, Node would not end on
 * TERM by itself.
 */
const idle = 'process.on("SIGTERM", () => process.exit(0)); setInterval(() => {}, 1 << 30);';

export interface ProberArgs {
  namespace: pulumi.Input<string>;
  /** Label and taint of the enclave nodes: a probe has to leave from where the core's traffic leaves. */
  nodeKey: string;
  /** Text of `prober.mjs`. */
  source: string;
  /** A Node image, pinned by digest. @default node:24-bookworm-slim */
  image?: string | undefined;
}

/**
 * Where a party's links are probed from. Creates: ConfigMap with the prober's one file, Deployment that runs it on
 * demand.
 */
export class Prober extends pulumi.ComponentResource {
  readonly deploymentName: pulumi.Output<string>;

  constructor(name: string, args: ProberArgs, opts?: pulumi.ComponentResourceOptions) {
    const image = args.image ?? nodeImage;
    checkArgs(`prober ${name}`, [
      !/@sha256:[0-9a-f]{64}$/.test(image) && {
        propertyPath: "image",
        reason: `has to be pinned by digest, found ${image}`,
      },
      args.source.length === 0 && { propertyPath: "source", reason: "is empty" },
    ]);
    super("quorate:kubernetes:Prober", name, {}, opts);
    createConfigMap(this, name, args);
    const deployment = createDeployment(this, name, args, image);
    this.deploymentName = deployment.metadata.name;
    this.registerOutputs({ deploymentName: this.deploymentName });
  }
}

function createConfigMap(parent: Prober, name: string, { namespace, source }: ProberArgs) {
  new kubernetes.core.v1.ConfigMap(
    `${name}-script`,
    { metadata: { name: proberName, namespace }, data: { "prober.mjs": source } },
    { parent },
  );
}

function createDeployment(parent: Prober, name: string, args: ProberArgs, image: string) {
  const labels = { app: proberName };
  return new kubernetes.apps.v1.Deployment(
    `${name}-deployment`,
    {
      metadata: { name: proberName, namespace: args.namespace, labels },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: scriptPod({
          ...{ labels, nodeKey: args.nodeKey, source: args.source, configMapName: proberName },
          container: proberContainer(image),
        }),
      },
    },
    { parent },
  );
}

function proberContainer(image: string) {
  return {
    name: "prober",
    image,
    workingDir: "/opt/quorate",
    command: ["node", "-e", idle],
    env: [{ name: "QUORATE_POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
    resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { cpu: "1", memory: "512Mi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [{ name: "script", mountPath: "/opt/quorate", readOnly: true }],
  };
}
