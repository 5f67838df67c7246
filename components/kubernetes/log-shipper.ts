import { createHash } from "node:crypto";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

/** Name of the DaemonSet, its ConfigMap and its service account, and value of its `app` label. */
export const logShipperName = "quorate-log-shipper";
export const logShipperPods = { app: logShipperName };

export interface LogShipperArgs {
  namespace: pulumi.Input<string>;
  /** Label and taint of the nodes whose logs are read. */
  nodeKey: string;
  /** An image of Fluent Bit, pinned by digest. */
  image: string;
  /** Fluent Bit's configuration. */
  configuration: string;
  /** Role of its service account. @default none */
  roleArn?: pulumi.Input<string> | undefined;
  /** Secret with key `authorization`. @default none */
  authorizationSecret?: string | undefined;
}

/** Reads containers' logs off their nodes. Creates: service account, ConfigMap, DaemonSet of Fluent Bit. */
export class LogShipper extends pulumi.ComponentResource {
  constructor(name: string, args: LogShipperArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`log shipper ${name}`, [
      !/@sha256:[0-9a-f]{64}$/.test(args.image) && {
        propertyPath: "image",
        reason: `has to be pinned by digest, found ${args.image}`,
      },
    ]);
    super("quorate:kubernetes:LogShipper", name, {}, opts);
    const { namespace, roleArn } = args;
    const annotations = roleArn === undefined ? {} : { "eks.amazonaws.com/role-arn": roleArn };
    const account = new kubernetes.core.v1.ServiceAccount(
      `${name}-account`,
      // It asks the API server for nothing; EKS brings the token for AWS by a volume of its own.
      { metadata: { name: logShipperName, namespace, annotations }, automountServiceAccountToken: false },
      { parent: this },
    );
    const config = new kubernetes.core.v1.ConfigMap(
      `${name}-config`,
      { metadata: { name: logShipperName, namespace }, data: { "fluent-bit.conf": args.configuration } },
      { parent: this },
    );
    createDaemonSet(this, name, args, [account, config]);
    this.registerOutputs({});
  }
}

function createDaemonSet(parent: LogShipper, name: string, args: LogShipperArgs, dependsOn: pulumi.Resource[]) {
  const { namespace, nodeKey, configuration } = args;
  // A changed file has to reach the pods: Fluent Bit reads it when it starts.
  const annotations = { "quorate.dev/config-sha256": createHash("sha256").update(configuration).digest("hex") };
  new kubernetes.apps.v1.DaemonSet(
    `${name}-daemonset`,
    {
      metadata: { name: logShipperName, namespace, labels: logShipperPods },
      spec: {
        selector: { matchLabels: logShipperPods },
        template: {
          metadata: { labels: logShipperPods, annotations },
          spec: {
            serviceAccountName: logShipperName,
            automountServiceAccountToken: false,
            // The node's log files are root's alone.
            securityContext: { runAsUser: 0, seccompProfile: { type: "RuntimeDefault" } },
            nodeSelector: { [nodeKey]: "true" },
            tolerations: [{ key: nodeKey, operator: "Equal", value: "true", effect: "NoSchedule" }],
            containers: [container(args)],
            volumes: [
              { name: "config", configMap: { name: logShipperName } },
              { name: "logs", hostPath: { path: "/var/log", type: "Directory" } },
              { name: "state", emptyDir: { sizeLimit: "256Mi" } },
            ],
          },
        },
      },
    },
    { parent, dependsOn },
  );
}

function container({ image, authorizationSecret: secret }: LogShipperArgs): kubernetes.types.input.core.v1.Container {
  const authorization = (name: string) => ({ secretKeyRef: { name, key: "authorization" } });
  return {
    name: "fluent-bit",
    image,
    command: ["/fluent-bit/bin/fluent-bit", "-c", "/etc/quorate/fluent-bit.conf"],
    env: secret === undefined ? [] : [{ name: "SINK_AUTHORIZATION", valueFrom: authorization(secret) }],
    resources: { requests: { cpu: "50m", memory: "64Mi" }, limits: { cpu: "500m", memory: "256Mi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [
      { name: "config", mountPath: "/etc/quorate", readOnly: true },
      { name: "logs", mountPath: "/var/log", readOnly: true },
      { name: "state", mountPath: "/var/fluent-bit/state" },
    ],
  };
}
