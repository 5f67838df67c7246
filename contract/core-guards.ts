import { z } from "zod";
import { HostLabel } from "./names.ts";

/** The Secret by which the kms-core chart pulls its images; the name is the chart's. */
export const registrySecret = "registry-credentials";

const namesRegistry = (names: readonly string[]) => names.includes(registrySecret);
const needsRegistry = `name ${registrySecret} too: the core's chart pulls its images with it`;

/** A Secret in the cluster, and the secret in AWS that fills it. */
const SecretSource = z.strictObject({
  name: HostLabel.describe("Name of the Secret in the party's namespace, as the chart that reads it expects."),
  remoteName: z
    .string()
    .regex(/^[A-Za-z0-9/_+=.@-]{1,512}$/, "a name in Secrets Manager has letters, digits and /_+=.@- only")
    .describe("Name of the secret in AWS Secrets Manager."),
  form: z
    .enum(["registry", "fields"])
    .describe("`registry`: a Docker configuration, whole. `fields`: JSON, one key of the Secret for each field."),
});

/** Who fills the Secrets that the releases read. Names only: a value has no place in a stack file or a state. */
export const SecretsChoice = z.union(
  [
    z.strictObject({
      externalSecrets: z
        .strictObject({
          storeName: HostLabel.describe("The operator's store that reads AWS Secrets Manager."),
          storeKind: z
            .enum(["ClusterSecretStore", "SecretStore"])
            .default("ClusterSecretStore")
            .describe("Whether the store is the cluster's, or one in the party's namespace."),
          from: z
            .array(SecretSource)
            .min(1)
            .refine((sources) => namesRegistry(sources.map(({ name }) => name)), needsRegistry)
            .describe("The Secrets, and where each comes from."),
        })
        .describe("The External Secrets operator fetches them; the core waits for all of them."),
    }),
    z.strictObject({
      byHand: z
        .array(HostLabel)
        .refine(namesRegistry, needsRegistry)
        .describe("Names of the Secrets that people put into the namespace themselves."),
    }),
  ],
  { error: "secrets is either { externalSecrets: … } or { byHand: [names] }" },
);
export type SecretsChoice = z.infer<typeof SecretsChoice>;

export const Monitoring = z.strictObject({
  prometheusOperator: z
    .enum(["present", "absent"])
    .describe("`present` makes monitor, alerts and dashboard; their kinds are the Prometheus operator's."),
  namespace: HostLabel.default("monitoring").describe("Namespace of the Prometheus that reads the core's metrics."),
  labels: z
    .record(z.string(), z.string())
    .default({})
    .describe("Labels by which that Prometheus chooses its monitors and rules, such as `release`."),
});
export type Monitoring = z.infer<typeof Monitoring>;

export const NetworkPolicyChoice = z.strictObject({
  enabled: z.boolean().default(true).describe("Whether pods other than those named may be kept from the core."),
  awsCidrs: z
    .array(z.cidrv4())
    .min(1)
    .default(["0.0.0.0/0"])
    .describe("Where AWS's endpoints are, for port 443. Narrow it to subnets if the VPC has endpoints of its own."),
});
export type NetworkPolicyChoice = z.infer<typeof NetworkPolicyChoice>;

export const CoreEviction = z
  .enum(["refused", "allowed"])
  .describe(
    "`refused`: draining the core's node stops at the core, because it takes the party out of the network. Deleting the pod is always possible.",
  );
