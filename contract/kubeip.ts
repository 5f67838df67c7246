import { z } from "zod";

/** Letters that AWS allows in a tag, without those that KubeIP's filter reads as its own. */
const tagText = /^[A-Za-z0-9_.:/+@-]+$/;

/** What only the party decides where its network's transport is `kubeip`. */
export const KubeIpChoice = z.strictObject({
  publicSubnetIds: z
    .array(z.string().regex(/^subnet-[0-9a-f]+$/, "a subnet id looks like subnet-0123456789abcdef0"))
    .min(1)
    .describe("Public subnets of the cluster's VPC, in which the enclave nodes lie."),
  allocationIds: z
    .array(z.string().regex(/^eipalloc-[0-9a-f]+$/, "an allocation id looks like eipalloc-0123456789abcdef0"))
    .min(1)
    .max(16)
    .refine((ids) => new Set(ids).size === ids.length, "an address is named twice")
    .optional()
    .describe(
      "Elastic IPs that exist, at least one for each node; the first is the one by which peers connect. Left out: this stack makes one for each node.",
    ),
  tagKey: z
    .string()
    .regex(tagText)
    .max(128)
    .default("KUBEIP")
    .describe("Key of the tag by which KubeIP finds the addresses."),
  tagValue: z.string().regex(tagText).max(256).default("reserved").describe("Its value."),
  image: z
    .string()
    .regex(/@sha256:[0-9a-f]{64}$/, "pin the image by digest: name@sha256:…")
    .optional()
    .describe("Image of KubeIP's agent. Left out: the official one of the release that this is written for, by tag."),
});
export type KubeIpChoice = z.infer<typeof KubeIpChoice>;

/** What the network agrees on where its transport is `kubeip`. */
export const KubeIpAgreement = z.strictObject({
  metricsToPeers: z
    .boolean()
    .default(false)
    .describe("Whether peers reach the port for metrics too. The port for a core's own clients they never do."),
});
