import { z } from "zod";
import { AccountId, Arn, HostLabel, NetworkName, PartyId, Region } from "./names.ts";
import { Pcr } from "./trusted-release.ts";

/** An EKS cluster of our own making, or one that exists. */
export const ClusterChoice = z.union(
  [
    z.strictObject({
      create: z.strictObject({
        name: z.string().min(1).max(100),
        /** Kubernetes minor version; the node group's AMI release has to match it. */
        version: z.string().regex(/^1\.\d\d$/, "a Kubernetes minor version looks like 1.33"),
        vpcId: z.string().regex(/^vpc-[0-9a-f]+$/),
        privateSubnetIds: z
          .array(z.string().regex(/^subnet-[0-9a-f]+$/))
          .min(2, "EKS wants subnets in at least two zones"),
        /** From where the API server answers on the internet. @default nowhere: it answers inside the VPC only */
        publicAccessCidrs: z.array(z.cidrv4()).min(1).optional(),
      }),
    }),
    z.strictObject({ existing: z.strictObject({ name: z.string().min(1).max(100) }) }),
  ],
  { error: "cluster is either { create: … } or { existing: { name } }" },
);
export type ClusterChoice = z.infer<typeof ClusterChoice>;

export const EnclaveNodes = z.strictObject({
  instanceType: z
    .string()
    .regex(/^[a-z0-9-]+\.[a-z0-9]+$/)
    .default("c7a.16xlarge"),
  /** AL2023 release, `<kubernetes version>-<date>`. */
  amiReleaseVersion: z.string().regex(/^1\.\d\d\.\d+-\d{8}$/, "an AMI release looks like 1.33.8-20260304"),
  minSize: z.int().min(0).default(1),
  maxSize: z.int().min(1).default(1),
  desiredSize: z.int().min(0).default(1),
  rootVolumeGib: z.int().min(100, "100 GiB at least: enclave images and logs need it").default(100),
  /** Enclave CPUs set aside by the allocator. @default the manifest's enclave size */
  allocatorCpuCount: z.int().min(2).optional(),
  /** Enclave memory set aside by the allocator, in MiB. @default the manifest's enclave size */
  allocatorMemoryMib: z.int().min(64).optional(),
});

const common = {
  contract: z.literal("stack/v1"),
  network: NetworkName,
  party: PartyId,
  accountId: AccountId,
  /** Name of the profile in the operator's AWS configuration. */
  awsProfile: z.string().min(1),
  region: Region,
};

export const ZamaKmsStackConfig = z.strictObject({
  ...common,
  cluster: ClusterChoice,
  enclaveNodes: EnclaveNodes,
  /** `withheld` builds everything but the core, so that the network can be proven before any key exists. */
  core: z.enum(["released", "withheld"]).default("released"),
  /** Release that this party runs: one of the manifest's trusted releases. */
  release: z.string().min(1),
  /** Measurements whose enclaves may unseal this party's private vault. @default PCR0 of every trusted release */
  allowedPcr0: z.array(Pcr).min(1).optional(),
  vaults: z
    .strictObject({
      bucketPrefix: HostLabel.max(37).default("mpc-vault"),
      publicPrefix: noSlash("PUB"),
      privatePrefix: noSlash("PRV"),
    })
    .optional(),
  partyKey: z
    .strictObject({
      deletionWindowDays: z.int().min(7).max(30).default(30),
      administratorArns: z.array(Arn).optional(),
    })
    .prefault({}),
  /** Where the prober's pinned Node image is. */
  proberImage: z
    .string()
    .regex(/@sha256:[0-9a-f]{64}$/, "pin the image by digest: name@sha256:…")
    .optional(),
});

/** What only this party decides: `Pulumi.<stack>.yaml`, keys of the `quorate:` namespace. */
export const StackConfig = ZamaKmsStackConfig;
export type StackConfig = z.infer<typeof StackConfig>;

function noSlash(start: string) {
  return z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/, `a vault prefix has no slash: KMS Core joins it with "/" (${start}-p<id>)`)
    .optional();
}
