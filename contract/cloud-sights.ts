import { z } from "zod";
import { Answer } from "./answer.ts";

/** An interface endpoint of the party, by which its core reaches a peer. */
export const EndpointSight = z.strictObject({
  /** By the tag that the stack gives it; null where it has none. */
  peerId: z.int().nullable(),
  endpointId: z.string(),
  serviceName: z.string(),
  /** As EC2 says it, in its own spelling: `available`, `pendingAcceptance`, `rejected`, … */
  state: z.string(),
  securityGroupIds: z.array(z.string()),
});
export type EndpointSight = z.infer<typeof EndpointSight>;

/** Somebody's endpoint that leads to the party's own service. */
export const ConnectionSight = z.strictObject({
  endpointId: z.string(),
  ownerAccount: z.string(),
  state: z.string(),
});
export type ConnectionSight = z.infer<typeof ConnectionSight>;

/** A rule of one of the party's security groups that is about the peers' port. */
export const GroupRuleSight = z.strictObject({
  groupId: z.string(),
  /** Of the endpoints to the peers, or of the nodes. */
  of: z.enum(["endpoints", "nodes"]),
  direction: z.enum(["in", "out"]),
  /** A block of addresses, a list of such blocks, or another group. */
  others: z.string(),
  fromPort: z.int(),
  toPort: z.int(),
});
export type GroupRuleSight = z.infer<typeof GroupRuleSight>;

export const KeyPolicySight = z.strictObject({
  /** Enclaves that the key's policy lets decrypt, each by its PCR0. */
  pcr0s: z.array(z.string().regex(/^[0-9a-f]{96}$/)),
  /** Somebody may decrypt without showing which enclave asks. */
  unattested: z.boolean(),
});
export type KeyPolicySight = z.infer<typeof KeyPolicySight>;

/** Who may take the role of the core's service account. */
export const RoleTrustSight = z.strictObject({
  providers: z.array(z.string()),
  subjects: z.array(z.string()),
  audiences: z.array(z.string()),
});
export type RoleTrustSight = z.infer<typeof RoleTrustSight>;

/** Refused is reached: nobody but the core is to read the private vault. */
const VaultSight = z.enum(["readable", "refused", "missing"]);

/** What a vault's policy says of the core's role, whatever the role's own policy allows. */
export const VaultPolicySight = z.strictObject({
  /** What it certainly refuses the role of what a core does there, each with the statement that does. */
  refuses: z.array(z.strictObject({ action: z.string(), statement: z.string() })),
  /** Statements that may refuse the role something: on conditions that can not be told from here. */
  unclear: z.array(z.string()),
});
export type VaultPolicySight = z.infer<typeof VaultPolicySight>;

/** What AWS says of one party to its own credentials. Each part is known or unknown for itself. */
export const CloudSights = z.strictObject({
  partyId: z.int(),
  endpoints: Answer(z.array(EndpointSight)),
  connections: Answer(z.array(ConnectionSight)),
  /** Of the port at which peers reach each other; a group that has no such rule is not named. */
  groupRules: Answer(z.array(GroupRuleSight)),
  keyPolicy: Answer(KeyPolicySight),
  coreTrust: Answer(RoleTrustSight),
  vaults: z.strictObject({ public: Answer(VaultSight), private: Answer(VaultSight) }),
  vaultPolicies: z.strictObject({ public: Answer(VaultPolicySight), private: Answer(VaultPolicySight) }),
});
export type CloudSights = z.infer<typeof CloudSights>;

/** What AWS is asked for it: what an audience that is to look has to be allowed. */
export const cloudReads = {
  ec2: ["ec2:DescribeSecurityGroupRules", "ec2:DescribeVpcEndpointConnections", "ec2:DescribeVpcEndpoints"],
  key: ["kms:GetKeyPolicy"],
  role: ["iam:GetRole"],
  vaults: ["s3:GetBucketPolicy"],
} as const;
