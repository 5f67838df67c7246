import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

/** @see https://github.com/aws/aws-nitro-enclaves-k8s-device-plugin */
const pluginImage = "public.ecr.aws/aws-nitro-enclaves/aws-nitro-enclaves-k8s-device-plugin:v0.3";
const labels = { name: "aws-nitro-enclaves" };

export interface EnclaveDevicePluginArgs {
  /** Taints of the enclave nodes, which are their labels too. The plugin runs there in spite of them, and nowhere else. */
  taints: readonly { key: string; value: string; effect: string }[];
  /** @default the release that the upstream modules run */
  image?: string | undefined;
}

/**
 * Offers `aws.ec2.nitro/nitro_enclaves` and `…_cpus` to the scheduler. Creates: DaemonSet in kube-system, on
 * enclave nodes only.
 */
export class EnclaveDevicePlugin extends pulumi.ComponentResource {
  constructor(name: string, args: EnclaveDevicePluginArgs, opts?: pulumi.ComponentResourceOptions) {
    const image = args.image ?? pluginImage;
    checkArgs(`device plugin ${name}`, [
      (!/[:@]/.test(image) || image.endsWith(":latest")) && {
        propertyPath: "image",
        reason: `has to be pinned by tag or digest, found ${image}`,
      },
    ]);
    super("quorate:kubernetes:EnclaveDevicePlugin", name, {}, opts);
    createDaemonSet(this, name, args.taints, image);
    this.registerOutputs({});
  }
}

function createDaemonSet(
  parent: EnclaveDevicePlugin,
  name: string,
  taints: EnclaveDevicePluginArgs["taints"],
  image: string,
) {
  new kubernetes.apps.v1.DaemonSet(
    `${name}-daemonset`,
    {
      metadata: { name: "aws-nitro-enclaves-k8s-device-plugin", namespace: "kube-system", labels },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            nodeSelector: Object.fromEntries(taints.map(({ key, value }) => [key, value])),
            tolerations: taints.map((taint) => ({ ...taint, operator: "Equal" })),
            priorityClassName: "system-node-critical",
            terminationGracePeriodSeconds: 30,
            // It speaks to the kubelet alone, over a socket whose directory only root may write to.
            automountServiceAccountToken: false,
            securityContext: { seccompProfile: { type: "RuntimeDefault" } },
            containers: [pluginContainer(image)],
            volumes: hostPaths.map(({ name, path }) => ({ name, hostPath: { path } })),
          },
        },
      },
    },
    { parent },
  );
}

/** It makes its sockets beside the kubelet's; of the rest it only reads which devices and CPUs there are. */
const hostPaths = [
  { name: "device-plugin", path: "/var/lib/kubelet/device-plugins", readOnly: false },
  { name: "dev-dir", path: "/dev", readOnly: true },
  { name: "sys-dir", path: "/sys", readOnly: true },
];

function pluginContainer(image: string) {
  return {
    name: "aws-nitro-enclaves-k8s-device-plugin",
    image,
    // Without it the nodes do not offer nitro_enclaves_cpus, and the core's pod stays Pending.
    env: [{ name: "ENCLAVE_CPU_ADVERTISEMENT", value: "TRUE" }],
    resources: { limits: { cpu: "100m", memory: "30Mi" }, requests: { cpu: "10m", memory: "15Mi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: hostPaths.map(({ name, path, readOnly }) => ({ name, mountPath: path, readOnly })),
  };
}
