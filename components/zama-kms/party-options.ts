import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { coreClientName, coreClientPod, healthCheckCommand, healthCheckProgram } from "../../contract/core-client.ts";
import { clusterNameOf } from "../../contract/stack-config.ts";
import { managedClusterPolicyArn, partitionOf, roleArn } from "../aws/arn.ts";
import { AudienceRole, findsCluster, looksAtCloud, readsSettings, type Trust } from "../aws/audience-role.ts";
import type { Statement } from "../aws/key-policy.ts";
import { AudienceAccess } from "../kubernetes/audience-access.ts";
import { type Audience, groupOf } from "../kubernetes/audience-rights.ts";
import { proberName } from "../kubernetes/prober.ts";
import type { PartyArgs } from "./party-args.ts";
import { administratorsOf } from "./party-keys.ts";
import { partyRoleNames } from "./party-role-names.ts";
import { beginningOf } from "./party-stores.ts";
import { PauserWallet } from "./pauser-wallet.ts";

/** What only some parties have: ways in for others than whoever made the cluster, and the pauser's wallet. */
export function createOptions(
  parent: pulumi.Resource,
  name: string,
  args: PartyArgs,
  namespace: pulumi.Output<string>,
): void {
  createOperatorEntries(parent, name, args);
  createAudiences(parent, name, args, namespace);
  createPauser(parent, name, args);
}

/** An operator runs `up`, so its role is there before anything that `up` makes; here it gets into the cluster. */
function createOperatorEntries(parent: pulumi.Resource, name: string, { config, cluster }: PartyArgs): void {
  for (const [index, principalArn] of (config.access?.operators ?? []).entries()) {
    const entry = new aws.eks.AccessEntry(
      `${name}-operator-${index + 1}`,
      { clusterName: cluster.clusterName, principalArn, type: "STANDARD" },
      { parent },
    );
    new aws.eks.AccessPolicyAssociation(
      `${name}-operator-${index + 1}-policy`,
      {
        clusterName: cluster.clusterName,
        principalArn: entry.principalArn,
        policyArn: managedClusterPolicyArn(config.region, "AmazonEKSClusterAdminPolicy"),
        accessScope: { type: "cluster" },
      },
      { parent },
    );
  }
}

function createAudiences(
  parent: pulumi.Resource,
  name: string,
  args: PartyArgs,
  namespace: pulumi.Output<string>,
): void {
  const { config, party, cluster } = args;
  const clusterName = clusterNameOf(config.cluster);
  const partition = partitionOf(config.region);
  const clusterArn = `arn:${partition}:eks:${config.region}:${config.accountId}:cluster/${clusterName}`;
  const trusts = trustsOf(args);
  const { core } = partyRoleNames(clusterName, party.id, config.roles);
  const further: Partial<Record<Audience, readonly Statement[]>> = {
    sre: looksAtCloud({
      // By its own number no key is known before it is made.
      keyArns: `arn:${partition}:kms:${config.region}:${config.accountId}:key/*`,
      roleArn: roleArn(config.region, config.accountId, core),
      vaultArns: (["public", "private"] as const).map((kind) => `arn:${partition}:s3:::${beginningOf(args, kind)}-*`),
    }),
    ci: [readsSettings()],
  };
  const wished = Object.keys(trusts) as Audience[];
  for (const audience of wished)
    new AudienceRole(
      `${name}-${audience}`,
      {
        roleName: `${core}-${audience}`,
        trust: trusts[audience] as Trust,
        clusterName: cluster.clusterName,
        kubernetesGroups: [groupOf(audience)],
        statements: [findsCluster(clusterArn), ...(further[audience] ?? [])],
      },
      { parent },
    );
  if (wished.length > 0)
    new AudienceAccess(
      `${name}-access`,
      {
        namespace,
        partyId: party.id,
        prober: { deployment: proberName, container: "prober" },
        healthCheck: {
          pod: coreClientPod,
          container: coreClientName,
          program: healthCheckProgram,
          command: healthCheckCommand,
        },
        audiences: wished,
      },
      { parent },
    );
}

function trustsOf({ config: { access } }: PartyArgs): Partial<Record<Audience, Trust>> {
  return {
    ...(access?.sre && { sre: { principalArns: access.sre, withMfa: false } }),
    // Whoever breaks the glass is a person who is there.
    ...(access?.breakGlass && { "break-glass": { principalArns: access.breakGlass, withMfa: true } }),
    ...(access?.ci && { ci: access.ci }),
  };
}

function createPauser(parent: pulumi.Resource, name: string, args: PartyArgs): void {
  const { pauser, cluster } = args.config;
  if (pauser === undefined) return;
  const { arn, administratorArns, deletionWindowDays } = pauser.key;
  new PauserWallet(
    `${name}-pauser`,
    {
      clusterName: clusterNameOf(cluster),
      namespace: pauser.namespace,
      createNamespace: pauser.createNamespace,
      oidc: { providerArn: args.cluster.oidcProviderArn, issuer: args.cluster.oidcIssuer },
      key:
        arn === undefined
          ? { administratorArns: administratorsOf(args, administratorArns), deletionWindowDays }
          : { arn },
    },
    { parent },
  );
}
