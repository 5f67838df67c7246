import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { partitionOf } from "../components/aws/arn.ts";
import type { DeclaredTool } from "../contract/cluster-tools.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { StackConfig } from "../contract/stack-config.ts";
import { checkReleaseFits } from "./node-settings.ts";

/** Something that a party needs of a cluster that it did not make. */
interface Need {
  tool: DeclaredTool;
  /** What would not work, and how the stack file says that it is not wanted. */
  missing: string;
  without: string;
}

/** What the party's stack needs of a cluster, beside that it is there. */
export function needsOf(config: StackConfig): Need[] {
  return [
    config.networkPolicy.enabled && {
      tool: "network-policies" as const,
      missing: "nobody enforces the core's network policies",
      without: "quorate:networkPolicy.enabled: false",
    },
    config.endpointService === "created" && {
      tool: "load-balancer-controller" as const,
      missing: "nobody is known to make the load balancer of its endpoint service",
      without: "quorate:endpointService: existing",
    },
    config.gatewayNode !== undefined && {
      tool: "volume-driver" as const,
      missing: "nobody makes the volume of its gateway node",
      without: "a stack file without quorate:gatewayNode",
    },
  ].filter((need) => need !== false);
}

/**
 * Refuses a preview on a cluster that lacks what the party needs, or runs another Kubernetes version than its nodes'
 * image is for. Nothing of such a cluster is changed.
 *
 * AWS knows the add-ons that EKS manages, and the OIDC provider. What people installed themselves, it does not know:
 * `cluster.existing.has` declares it.
 */
export async function checkExistingCluster(
  config: StackConfig,
  source: string,
  options: pulumi.InvokeOptions,
): Promise<void> {
  if (!("existing" in config.cluster)) return;
  const { name, has = [] } = config.cluster.existing;
  const cluster = await readCluster(config, name, source, options);
  checkReleaseFits(config, source, {
    version: cluster.version,
    because: `which cluster ${name} runs`,
    next: `write one to quorate:enclaveNodes.amiReleaseVersion in ${source}, or have the cluster brought to the release's version first`,
  });
  await checkIssuer(config, cluster, options);
  for (const need of needsOf(config)) {
    if (has.includes(need.tool)) continue;
    const found = await look[need.tool](name, options);
    if (found === undefined) continue;
    throw new OperatorError({
      code: "CLUSTER_LACKS",
      what: `party ${config.party} (${config.network}): ${need.missing}`,
      found: `cluster ${name}: ${found}`,
      expected: `${expectations[need.tool]}, or ${need.without}`,
      next: `bring it into the cluster; where it is there and not by EKS, add ${need.tool} to quorate:cluster.existing.has in ${source}`,
    });
  }
}

async function readCluster(
  config: StackConfig,
  name: string,
  source: string,
  options: pulumi.InvokeOptions,
): Promise<aws.eks.GetClusterResult> {
  const cluster = await ifThere(aws.eks.getCluster({ name }, options));
  if (cluster) return cluster;
  throw new OperatorError({
    code: "CLUSTER_LACKS",
    what: `party ${config.party} (${config.network}): its cluster is not there`,
    found: `no cluster ${name} in account ${config.accountId}, ${config.region}`,
    expected: "the cluster that quorate:cluster.existing names",
    next: `correct quorate:cluster.existing.name in ${source}, or have the cluster made: quorate:cluster.create`,
  });
}

/** Roles for service accounts rest on it, and an account has one per issuer: it is the cluster owner's to make. */
async function checkIssuer(
  config: StackConfig,
  { name, identities }: Pick<aws.eks.GetClusterResult, "name" | "identities">,
  options: pulumi.InvokeOptions,
): Promise<void> {
  const issuer = identities[0]?.oidcs?.[0]?.issuer?.replace(/^https:\/\//, "");
  const arn = `arn:${partitionOf(config.region)}:iam::${config.accountId}:oidc-provider/${issuer}`;
  if (issuer !== undefined && (await ifThere(aws.iam.getOpenIdConnectProvider({ arn }, options)))) return;
  throw new OperatorError({
    code: "CLUSTER_LACKS",
    what: `party ${config.party} (${config.network}): its pods could take no role`,
    found: `cluster ${name}: IAM has no OIDC provider for ${issuer ?? "it, nor does it issue tokens"}`,
    expected: arn,
    next: `eksctl utils associate-iam-oidc-provider --cluster ${name} --region ${config.region} --approve`,
  });
}

const addonOf = (clusterName: string, addonName: string, options: pulumi.InvokeOptions) =>
  ifThere(aws.eks.getAddon({ clusterName, addonName }, options));

/** What was found instead of a tool, or undefined where it is there. */
const look: Record<DeclaredTool, (name: string, options: pulumi.InvokeOptions) => Promise<string | undefined>> = {
  "network-policies": async (name, options) => {
    const cni = await addonOf(name, "vpc-cni", options);
    if (!cni) return "EKS manages no add-on vpc-cni in it";
    return /"enableNetworkPolicy":\s*"?true/.test(cni.configurationValues)
      ? undefined
      : `add-on vpc-cni is configured with ${cni.configurationValues || "nothing"}`;
  },
  "volume-driver": async (name, options) =>
    (await addonOf(name, "aws-ebs-csi-driver", options)) ? undefined : "EKS manages no add-on aws-ebs-csi-driver in it",
  "load-balancer-controller": async () => "its controllers are not AWS's to know",
};

const expectations: Readonly<Record<DeclaredTool, string>> = {
  "network-policies":
    'add-on vpc-cni with enableNetworkPolicy: "true" (every NetworkPolicy that is stored in the cluster acts from then on)',
  "volume-driver": "add-on aws-ebs-csi-driver",
  "load-balancer-controller": "the AWS load balancer controller in it, declared in the stack file",
};

async function ifThere<T>(lookup: Promise<T>): Promise<T | undefined> {
  try {
    return await lookup;
  } catch (failure) {
    const { message } = failure as Error;
    if (/couldn't find resource|NoSuchEntity|ResourceNotFoundException/.test(message)) return undefined;
    // What AWS refuses is the operator's to read, not a crash of ours.
    throw new pulumi.RunError(message, { cause: failure as Error });
  }
}
