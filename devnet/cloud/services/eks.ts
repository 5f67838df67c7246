import { requireAccess } from "../access.ts";
import { type AwsAnswer, type AwsService, callerAccount } from "../aws-call.ts";
import { AwsError, notSimulated } from "../aws-error.ts";
import type { AccountStore, StoredResource } from "../store.ts";

const clusterType = "aws:eks/cluster:Cluster";
const nodeGroupType = "aws:eks/nodeGroup:NodeGroup";
const accessEntryType = "aws:eks/accessEntry:AccessEntry";

interface EksCall {
  account: AccountStore;
  region: string;
  /** The parts of the path that the route leaves open, unescaped. */
  parts: string[];
}

/** Elastic Kubernetes Service, REST with JSON: the reading calls. */
export const eks: AwsService = {
  async handle(call, cloud) {
    const owner = callerAccount(call, cloud);
    if (!owner) throw new AwsError("MissingAuthenticationToken", "Missing Authentication Token", 403);
    for (const { method, path, action, resource, run } of routes) {
      const match = call.method === method ? path.exec(call.path) : null;
      if (!match) continue;
      const parts = match.slice(1).map(decodeURIComponent);
      const account = cloud.store.account(owner.accountId);
      const arn = `arn:aws:eks:${call.region}:${owner.accountId}:${resource}/${parts.join("/")}`;
      requireAccess(cloud.store, {
        principal: call.principal,
        action: `eks:${action}`,
        resource: parts.length === 0 ? "*" : arn,
        resourceAccountId: owner.accountId,
      });
      return json(200, run({ account, region: call.region, parts }));
    }
    throw notSimulated("eks", `${call.method} ${call.path}`);
  },
  renderError(error) {
    const names: Record<string, string> = {
      AccessDenied: "AccessDeniedException",
      InvalidClientTokenId: "UnrecognizedClientException",
      ExpiredToken: "ExpiredTokenException",
      SignatureDoesNotMatch: "InvalidSignatureException",
    };
    const name = names[error.code] ?? error.code;
    const answer = json(error.status, { message: error.message });
    return { ...answer, headers: { ...answer.headers, "x-amzn-errortype": name } };
  },
};

const routes: {
  method: string;
  path: RegExp;
  action: string;
  resource: string;
  run: (call: EksCall) => object;
}[] = [
  {
    method: "GET",
    path: /^\/clusters$/,
    action: "ListClusters",
    resource: "cluster",
    run: ({ account }) => ({ clusters: account.list(clusterType).map(clusterName) }),
  },
  {
    method: "GET",
    path: /^\/clusters\/([^/]+)$/,
    action: "DescribeCluster",
    resource: "cluster",
    run: ({ account, parts: [name = ""] }) => ({ cluster: renderCluster(requireCluster(account, name)) }),
  },
  {
    method: "GET",
    path: /^\/clusters\/([^/]+)\/node-groups$/,
    action: "ListNodegroups",
    resource: "cluster",
    run({ account, parts: [name = ""] }) {
      requireCluster(account, name);
      return { nodegroups: ofCluster(account, nodeGroupType, name).map((each) => each.props.nodeGroupName) };
    },
  },
  {
    method: "GET",
    path: /^\/clusters\/([^/]+)\/node-groups\/([^/]+)$/,
    action: "DescribeNodegroup",
    resource: "nodegroup",
    run({ account, parts: [cluster = "", name] }) {
      requireCluster(account, cluster);
      const found = ofCluster(account, nodeGroupType, cluster).find((each) => each.props.nodeGroupName === name);
      if (!found) throw notFound(`No node group found for name: ${name}.`);
      return { nodegroup: renderNodeGroup(found) };
    },
  },
  {
    method: "GET",
    path: /^\/clusters\/([^/]+)\/access-entries$/,
    action: "ListAccessEntries",
    resource: "cluster",
    run({ account, parts: [name = ""] }) {
      requireCluster(account, name);
      return { accessEntries: ofCluster(account, accessEntryType, name).map((each) => each.props.principalArn) };
    },
  },
  {
    method: "GET",
    path: /^\/clusters\/([^/]+)\/access-entries\/(.+)$/,
    action: "DescribeAccessEntry",
    resource: "access-entry",
    run({ account, parts: [cluster = "", principalArn] }) {
      requireCluster(account, cluster);
      const found = ofCluster(account, accessEntryType, cluster).find(
        (each) => each.props.principalArn === principalArn,
      );
      if (!found) throw notFound(`The specified principalArn could not be found: ${principalArn}.`);
      const { props } = found;
      return {
        accessEntry: {
          clusterName: cluster,
          principalArn,
          kubernetesGroups: props.kubernetesGroups ?? [],
          username: props.userName,
          type: props.type ?? "STANDARD",
          accessEntryArn: props.accessEntryArn,
          tags: props.tagsAll ?? {},
        },
      };
    },
  },
];

/** The cluster of that name in this account, whatever id its provider gave it. */
export function findCluster(account: AccountStore, name: string): StoredResource | undefined {
  return account.get(clusterType, name) ?? account.list(clusterType).find((each) => each.props.name === name);
}

function requireCluster(account: AccountStore, name: string): StoredResource {
  const found = findCluster(account, name);
  if (!found) throw notFound(`No cluster found for name: ${name}.`);
  return found;
}

function ofCluster(account: AccountStore, type: string, name: string): StoredResource[] {
  return account.list(type).filter((each) => each.props.clusterName === name);
}

function clusterName(cluster: StoredResource): string {
  return String(cluster.props.name ?? cluster.id);
}

function renderCluster(cluster: StoredResource): object {
  const { props } = cluster;
  const identities = (props.identities ?? []) as { oidcs?: { issuer?: string }[] }[];
  const issuer = identities[0]?.oidcs?.[0]?.issuer;
  const authority = (props.certificateAuthority ?? {}) as { data?: string };
  return {
    name: clusterName(cluster),
    arn: props.arn,
    version: props.version,
    endpoint: props.endpoint,
    roleArn: props.roleArn,
    resourcesVpcConfig: props.vpcConfig,
    kubernetesNetworkConfig: props.kubernetesNetworkConfig,
    accessConfig: props.accessConfig,
    encryptionConfig: props.encryptionConfig === undefined ? undefined : [props.encryptionConfig],
    identity: issuer === undefined ? undefined : { oidc: { issuer } },
    status: props.status ?? "ACTIVE",
    certificateAuthority: authority,
    platformVersion: props.platformVersion,
    tags: props.tagsAll ?? {},
  };
}

function renderNodeGroup({ props }: StoredResource): object {
  const taints = (props.taints ?? []) as { key: string; value?: string; effect: string }[];
  return {
    nodegroupName: props.nodeGroupName,
    nodegroupArn: props.arn,
    clusterName: props.clusterName,
    version: props.version,
    releaseVersion: props.releaseVersion,
    status: props.status ?? "ACTIVE",
    capacityType: props.capacityType ?? "ON_DEMAND",
    scalingConfig: props.scalingConfig,
    instanceTypes: props.instanceTypes,
    subnets: props.subnetIds,
    amiType: props.amiType,
    nodeRole: props.nodeRoleArn,
    labels: props.labels ?? {},
    taints,
    launchTemplate: props.launchTemplate,
    tags: props.tagsAll ?? {},
  };
}

function notFound(message: string): AwsError {
  return new AwsError("ResourceNotFoundException", message, 404);
}

function json(status: number, body: object): AwsAnswer {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
