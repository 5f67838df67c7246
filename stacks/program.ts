import * as aws from "@pulumi/aws";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { PartyCluster } from "../components/aws/party-cluster.ts";
import { Party } from "../components/zama-kms/party.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { clusterNameOf } from "../contract/stack-config.ts";
import { balancerWait } from "./balancer-wait.ts";
import { createClusterTools, settleClusterTools } from "./cluster-tools.ts";
import { readBackupSettings, readPartySettings } from "./config.ts";
import { checkExistingCluster } from "./existing-cluster.ts";
import { settleHeldReleases } from "./held-releases.ts";
import { kubeconfig } from "./kubeconfig.ts";
import { settleAllocator } from "./node-allocator.ts";
import type { PartySettings } from "./party-settings.ts";
import { checkPublicSubnets } from "./public-subnets.ts";
import { type AskCluster, openCluster, secretCheck } from "./secret-check.ts";

/**
 * Builds one party, as the stack's configuration and its network's manifest say, and exports the party outputs; or, where
 * the configuration is a backup account's, what lies there.
 */
export async function program(ask: AskCluster = openCluster): Promise<Record<string, unknown>> {
  try {
    const backup = await readBackupSettings();
    if (backup !== undefined) return (await import("./backup-program.ts")).buildBackup(backup);
    const settings = await readPartySettings();
    for (const note of [...settings.peerNotes, ...settings.nodeNotes]) void pulumi.log.warn(note);
    return { ...(await build(settings, ask)) };
  } catch (failure) {
    throw forOperator(failure);
  }
}

async function build(settings: PartySettings, ask: AskCluster) {
  const { config, party, tags } = settings;
  const name = `party-${party.id}`;
  const awsProvider = new aws.Provider("aws", {
    profile: config.awsProfile,
    region: config.region,
    // The profile may lead anywhere; the provider stops unless it is the account that the network agreed on.
    allowedAccountIds: [config.accountId],
    defaultTags: { tags },
  });
  const allocator = await settleAllocator(settings, { provider: awsProvider });
  await checkExistingCluster(config, settings.source, { provider: awsProvider });
  await checkPublicSubnets(settings, { provider: awsProvider });
  const cluster = new PartyCluster(
    `${name}-eks`,
    {
      region: config.region,
      accountId: config.accountId,
      cluster: config.cluster,
      operatorArns: config.access?.operators,
    },
    { provider: awsProvider },
  );
  const access = kubeconfig(cluster, config);
  const kubernetesProvider = new kubernetes.Provider("kubernetes", {
    kubeconfig: access,
    // Otherwise a changed kubeconfig could mean another cluster, and everything in it would be replaced.
    clusterIdentifier: `${config.accountId}/${config.region}/${clusterNameOf(config.cluster)}`,
    enableConfigMapMutable: true,
  });
  const tools = await settleClusterTools(config, settings.source);
  const inCluster = { providers: [awsProvider, kubernetesProvider] };
  const monitoringKinds = createClusterTools(name, config, cluster, tools, inCluster);
  const { held, notes } = await settleHeldReleases(settings, access, ask);
  for (const note of notes) void pulumi.log.warn(note);
  const { outputs } = new Party(
    name,
    {
      ...settings,
      ...{ allocator, cluster, monitoringKinds, held },
      checkSecrets: secretCheck(access, settings),
      awaitBalancer: balancerWait({ profile: config.awsProfile, region: config.region }),
    },
    { providers: [awsProvider, kubernetesProvider] },
  );
  return outputs;
}

/** The engine prints a RunError as it is, and anything else as a crash of the program. */
function forOperator(failure: unknown): unknown {
  if (failure instanceof OperatorError) return new pulumi.RunError(failure.render(), { cause: failure });
  if (pulumi.InputPropertiesError.isInstance(failure)) return new pulumi.RunError(failure.message, { cause: failure });
  return failure;
}
