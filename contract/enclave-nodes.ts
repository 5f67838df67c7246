import { z } from "zod";
import { KeyArn } from "./key-choice.ts";

/**
 * Releases of Amazon's EKS image that the parties' Terraform module admits, and no other: networks have run on them.
 * @see terraform-mpc-modules v0.1.27, modules/mpc-party/variables.tf: nodegroup_ami_release_version
 */
export const provenAmiReleases: readonly string[] = ["1.32.3-20250620", "1.33.8-20260304"];

const AmiRelease = z.string().regex(/^1\.\d\d\.\d+-\d{8}$/, "an AMI release looks like 1.33.8-20260304");

/** Beginnings that belong to AWS and to Kubernetes, and the one label that says whose the node is. */
const reservedLabel = /(^|[./])(kubernetes\.io|k8s\.io|amazonaws\.com)\/|^party-id$/;

const Labels = z.record(
  z
    .string()
    .regex(/^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/)
    .refine((name) => !reservedLabel.test(name), "labels of Kubernetes, of AWS and party-id are not for a stack file"),
  z.string().regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/, "a label's value has at most 63 letters"),
);

export const EnclaveNodes = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][-A-Za-z0-9_]{0,62}$/, "a node group's name has at most 63 of A-Z, a-z, 0-9, - and _")
      .optional()
      .describe(
        "Name of the node group. Left out: one that is made anew when the group is replaced, so that the new nodes are there before the old ones go.",
      ),
    instanceType: z
      .string()
      .regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, "an instance type looks like c7a.16xlarge")
      .default("c7a.16xlarge")
      .describe("Instance type of the node; it has to support Nitro Enclaves."),
    amiReleaseVersion: AmiRelease.optional().describe(
      "Release of Amazon's image with Amazon Linux 2023: `<kubernetes version>-<date>`. It, or `amiId`.",
    ),
    amiId: z
      .string()
      .regex(/^ami-[0-9a-f]{8,17}$/, "an image id looks like ami-0123456789abcdef0")
      .optional()
      .describe(
        "An image of one's own, made from Amazon's: Amazon Linux 2023, nodeadm, x86-64. Nothing tells which Kubernetes version it is for.",
      ),
    triedAmiReleases: z
      .array(AmiRelease)
      .min(1)
      .optional()
      .describe(
        `Releases that this party has tried itself. Another than these and ${provenAmiReleases.join(", ")} is said in every preview.`,
      ),
    minSize: z.int().min(0).default(1).describe("Fewest nodes."),
    maxSize: z.int().min(1).default(1).describe("Most nodes."),
    desiredSize: z.int().min(0).default(1).describe("Nodes to begin with."),
    capacity: z
      .enum(["on-demand", "spot"])
      .default("on-demand")
      .describe("`spot` nodes can be taken away at two minutes' notice; refused where `environment: mainnet`."),
    rootVolumeGib: z
      .int()
      .min(100, "100 GiB at least: enclave images and logs need it")
      .default(100)
      .describe("Size of a node's root volume, in GiB: enclave images and logs need it."),
    volumeKeyArn: KeyArn.optional().describe(
      "KMS key that encrypts the root volumes, of the party's region. Left out: the account's usual one.",
    ),
    allocatorCpuCount: z
      .int()
      .min(2)
      .optional()
      .describe("CPUs that a node sets aside for enclaves, an even number. Left out: by `allocatorSharePercent`."),
    allocatorMemoryMib: z
      .int()
      .min(64)
      .optional()
      .describe("Memory that a node sets aside for enclaves, in MiB, whole GiB. Left out: by `allocatorSharePercent`."),
    allocatorSharePercent: z
      .int()
      .min(10)
      .max(90)
      .optional()
      .describe(
        "Share of the instance type's CPUs and memory that a node sets aside, rounded down to even CPUs and whole GiB; upstream's modules take 75. Left out: the manifest's enclave size.",
      ),
    ssm: z
      .boolean()
      .default(false)
      .describe("Whether Session Manager opens shells on the nodes; refused where `environment: mainnet`."),
    securityGroupIds: z
      .array(z.string().regex(/^sg-[0-9a-f]{8,17}$/, "a security group looks like sg-0123456789abcdef0"))
      .min(1)
      .max(3, "at most 3: a network interface has five; the cluster's is one, that of the peers may be another")
      .optional()
      .describe("Security groups of the nodes beside the cluster's own."),
    labels: Labels.optional().describe("Labels of the nodes beside `nodepool`, `party-id` and `environment`."),
    devicePlugin: z
      .enum(["created", "existing"])
      .default("created")
      .describe("`existing` where the cluster has the Nitro Enclaves device plugin from somebody else."),
    devicePluginImage: z
      .string()
      .regex(/@sha256:[0-9a-f]{64}$/, "pin the image by digest: name:tag@sha256:…")
      .optional()
      .describe(
        "Image of the device plugin. Left out: the tag that AWS publishes, whose digest nobody has written down.",
      ),
  })
  .refine(({ amiId, amiReleaseVersion }) => (amiId === undefined) !== (amiReleaseVersion === undefined), {
    path: ["amiReleaseVersion"],
    error: "nodes run one image: amiReleaseVersion, or amiId, and not both",
  })
  .refine(({ minSize, desiredSize, maxSize }) => minSize <= desiredSize && desiredSize <= maxSize, {
    path: ["desiredSize"],
    error: "minSize ≤ desiredSize ≤ maxSize, each of them 1 where it is left out",
  })
  .refine(({ devicePlugin, devicePluginImage }) => devicePlugin === "created" || devicePluginImage === undefined, {
    path: ["devicePluginImage"],
    error: "where the device plugin is somebody else's, so is its image",
  });
export type EnclaveNodes = z.infer<typeof EnclaveNodes>;
