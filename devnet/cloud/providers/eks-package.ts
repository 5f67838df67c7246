import { promisify } from "node:util";
import * as grpc from "@grpc/grpc-js";
import monitorService from "@pulumi/pulumi/proto/resource_grpc_pb.js";
import monitorMessages from "@pulumi/pulumi/proto/resource_pb.js";
import type { Connection, ConstructRequest, ProviderPackage } from "./package-server.ts";
import {
  decode,
  encode,
  holdsUnknown,
  type Properties,
  resourceReference,
  reveal,
  unknown,
} from "./property-values.ts";

/**
 * The stand-in for the `eks` package. Its one component registers what Pulumi's makes around a bare control plane; nodes, add-ons and storage
 * classes are not among it, and asking for them is an error.
 */
export function eksPackage(): ProviderPackage {
  return { version: "4.3.0", configure: async () => connection };
}

const clusterToken = "eks:index:Cluster";

const connection: Connection = {
  check: (_call, { news }) => ({ inputs: news, failures: [] }),
  diff: () => ({ detailed: {} }),
  create: (call) => Promise.reject(new Error(`${call.type} is a component, not a resource`)),
  read: async (_call, { id, inputs, state }) => ({ id, inputs, outputs: state }),
  update: async (_call, { inputs }) => inputs,
  delete: async () => undefined,
  async construct(request) {
    if (request.type !== clusterToken) throw new Error(`the stand-in eks provider has no component ${request.type}`);
    refuseUnsupported(request.inputs);
    const monitor = new Monitor(request);
    try {
      return await constructCluster(monitor, request);
    } finally {
      monitor.close();
    }
  },
};

const supported = new Set([
  "accessEntries",
  "authenticationMode",
  "bootstrapSelfManagedAddons",
  "clusterSecurityGroup",
  "clusterSecurityGroupTags",
  "clusterTags",
  "corednsAddonOptions",
  "createInstanceRole",
  "createOidcProvider",
  "deletionProtection",
  "enabledClusterLogTypes",
  "encryptionConfigKeyArn",
  "endpointPrivateAccess",
  "endpointPublicAccess",
  "ipFamily",
  "kubeProxyAddonOptions",
  "kubernetesServiceIpAddressRange",
  "name",
  "nodeAssociatePublicIpAddress",
  "privateSubnetIds",
  "providerCredentialOpts",
  "publicAccessCidrs",
  "publicSubnetIds",
  "serviceRole",
  "skipDefaultNodeGroup",
  "skipDefaultSecurityGroups",
  "subnetIds",
  "tags",
  "upgradePolicy",
  "useDefaultVpcCni",
  "version",
  "vpcId",
]);

/** Rather an error here than a cluster that lacks in rehearsal what it has in production. */
function refuseUnsupported(inputs: Properties): void {
  for (const [name, value] of Object.entries(inputs))
    if (!supported.has(name) && value !== undefined && value !== null)
      throw new Error(`the stand-in for eks.Cluster does not know "${name}"`);
  if (reveal(inputs.skipDefaultNodeGroup) !== true)
    throw new Error("the stand-in for eks.Cluster makes no node group: set skipDefaultNodeGroup");
  for (const addon of ["corednsAddonOptions", "kubeProxyAddonOptions"]) {
    const options = reveal(inputs[addon]) as { enabled?: unknown } | undefined;
    if (options?.enabled !== false) throw new Error(`the stand-in for eks.Cluster makes no add-ons: disable ${addon}`);
  }
}

async function constructCluster(monitor: Monitor, request: ConstructRequest) {
  const { name, inputs } = request;
  const component = await monitor.register({ type: clusterToken, name, object: {}, custom: false });
  const ofInputs = [...new Set(Object.values(request.inputDependencies).flat())];
  const child = (type: string, suffix: string, object: Properties, dependsOn: Registered[] = []) =>
    monitor.register({
      type,
      name: `${name}-${suffix}`,
      object,
      custom: true,
      parent: component.urn,
      dependencies: [...ofInputs, ...dependsOn.map(({ urn }) => urn)],
    });
  const tags = inputs.tags === undefined ? {} : { tags: inputs.tags };

  const role = await child("aws:iam/role:Role", "eksRole-role", {
    description: "Allows EKS to manage clusters on your behalf.",
    assumeRolePolicy: JSON.stringify(clusterTrust),
    ...tags,
  });
  const attachment = await child(
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "eksRole-4b490823",
    { policyArn: "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy", role: role.object.name ?? role.id },
    [role],
  );
  const ownGroup =
    reveal(inputs.skipDefaultSecurityGroups) === true
      ? undefined
      : await child("aws:ec2/securityGroup:SecurityGroup", "eksClusterSecurityGroup", {
          description: "Managed by Pulumi",
          vpcId: inputs.vpcId,
          revokeRulesOnDelete: true,
          tags: inputs.clusterSecurityGroupTags ?? inputs.tags ?? {},
        });

  const subnetIds = inputs.subnetIds ?? [...subnets(inputs.publicSubnetIds), ...subnets(inputs.privateSubnetIds)];
  const cluster = await child(
    "aws:eks/cluster:Cluster",
    "eksCluster",
    {
      name: inputs.name,
      roleArn: role.object.arn ?? unknown,
      version: inputs.version,
      vpcConfig: {
        subnetIds,
        ...(ownGroup && { securityGroupIds: [ownGroup.id] }),
        endpointPrivateAccess: inputs.endpointPrivateAccess,
        endpointPublicAccess: inputs.endpointPublicAccess,
        publicAccessCidrs: inputs.publicAccessCidrs,
      },
      ...(inputs.authenticationMode !== undefined && {
        accessConfig: { authenticationMode: inputs.authenticationMode },
      }),
      bootstrapSelfManagedAddons: inputs.bootstrapSelfManagedAddons,
      deletionProtection: inputs.deletionProtection,
      enabledClusterLogTypes: inputs.enabledClusterLogTypes,
      ...(inputs.encryptionConfigKeyArn !== undefined && {
        encryptionConfig: { provider: { keyArn: inputs.encryptionConfigKeyArn }, resources: ["secrets"] },
      }),
      ...((inputs.kubernetesServiceIpAddressRange ?? inputs.ipFamily) !== undefined && {
        kubernetesNetworkConfig: {
          serviceIpv4Cidr: inputs.kubernetesServiceIpAddressRange,
          ipFamily: inputs.ipFamily,
        },
      }),
      upgradePolicy: inputs.upgradePolicy,
      tags: { ...plainTags(inputs.tags), ...plainTags(inputs.clusterTags) },
    },
    // A cluster whose role has lost its policy can't even be deleted.
    [role, attachment, ...(ownGroup ? [ownGroup] : [])],
  );

  const issuer = issuerOf(cluster.object);
  const oidc =
    reveal(inputs.createOidcProvider) === true
      ? await child(
          "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
          "oidcProvider",
          { clientIdLists: ["sts.amazonaws.com"], url: issuer },
          [cluster],
        )
      : undefined;

  const state = outputs({ inputs, cluster, role, ownGroup, oidc, issuer, subnetIds });
  await monitor.registerOutputs(component.urn, state);
  return { urn: component.urn, state, dependencies: [cluster.urn] };
}

const clusterTrust = {
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Principal: { Service: "eks.amazonaws.com" },
      Action: ["sts:AssumeRole", "sts:TagSession"],
    },
  ],
};

const subnets = (value: unknown): unknown[] => (Array.isArray(reveal(value)) ? (reveal(value) as unknown[]) : []);

const plainTags = (value: unknown): Properties => (holdsUnknown(value) ? {} : ((reveal(value) ?? {}) as Properties));

function issuerOf(cluster: Properties): unknown {
  const identities = cluster.identities as { oidcs: { issuer: string }[] }[] | typeof unknown | undefined;
  return Array.isArray(identities) ? (identities[0]?.oidcs[0]?.issuer ?? unknown) : unknown;
}

interface Registered {
  urn: string;
  id: unknown;
  object: Properties;
}

/** The properties of eks.Cluster that its typings promise; what was not made is empty, as there. */
function outputs(made: {
  inputs: Properties;
  cluster: Registered;
  role: Registered;
  ownGroup: Registered | undefined;
  oidc: Registered | undefined;
  issuer: unknown;
  subnetIds: unknown;
}): Properties {
  const { inputs, cluster, role, ownGroup, oidc, issuer } = made;
  const reference = (resource: Registered) =>
    resourceReference(resource.urn, resource.id === unknown ? "" : resource.id);
  const kubeconfig = kubeconfigOf(cluster.object, inputs);
  const vpcConfig = cluster.object.vpcConfig as Properties | typeof unknown | undefined;
  const madeByEks = typeof vpcConfig === "object" ? (vpcConfig.clusterSecurityGroupId ?? unknown) : unknown;
  return {
    eksCluster: reference(cluster),
    core: {
      cluster: reference(cluster),
      clusterIamRole: reference(role),
      ...(ownGroup && { clusterSecurityGroup: reference(ownGroup) }),
      ...(oidc && { oidcProvider: reference(oidc) }),
      endpoint: cluster.object.endpoint ?? unknown,
      instanceRoles: [],
      kubeconfig,
      nodeGroupOptions: {},
      subnetIds: made.subnetIds,
      privateSubnetIds: inputs.privateSubnetIds,
      publicSubnetIds: inputs.publicSubnetIds,
      tags: inputs.tags,
    },
    kubeconfig,
    kubeconfigJson: kubeconfig === unknown ? unknown : JSON.stringify(kubeconfig),
    ...(ownGroup && { clusterSecurityGroup: reference(ownGroup) }),
    clusterSecurityGroupId: ownGroup ? ownGroup.id : madeByEks,
    clusterIngressRuleId: "",
    nodeSecurityGroupId: ownGroup ? "" : madeByEks,
    defaultNodeGroupAsgName: "",
    fargateProfileId: "",
    fargateProfileStatus: "",
    autoModeNodeRoleName: "",
    instanceRoles: [],
    oidcProviderArn: oidc ? (oidc.object.arn ?? unknown) : "",
    oidcProviderUrl: issuer,
    oidcIssuer: typeof issuer === "string" ? issuer.replace(/^https:\/\//, "") : unknown,
  };
}

/** As eks.Cluster writes it: the AWS CLI makes the token. */
function kubeconfigOf(cluster: Properties, inputs: Properties): unknown {
  const { endpoint, name } = cluster;
  const authority = cluster.certificateAuthority as { data?: unknown } | typeof unknown | undefined;
  const data = typeof authority === "object" ? authority.data : unknown;
  if ([endpoint, name, data].some((value) => value === undefined || holdsUnknown(value))) return unknown;
  const options = (reveal(inputs.providerCredentialOpts) ?? {}) as { profileName?: string; roleArn?: string };
  const args = ["eks", "get-token", "--cluster-name", String(name), "--output", "json"];
  const env = [{ name: "KUBERNETES_EXEC_INFO", value: `{"apiVersion": "client.authentication.k8s.io/v1beta1"}` }];
  return {
    apiVersion: "v1",
    clusters: [{ cluster: { server: endpoint, "certificate-authority-data": data }, name: "kubernetes" }],
    contexts: [{ context: { cluster: "kubernetes", user: "aws" }, name: "aws" }],
    "current-context": "aws",
    kind: "Config",
    users: [
      {
        name: "aws",
        user: {
          exec: {
            apiVersion: "client.authentication.k8s.io/v1beta1",
            command: "aws",
            args: options.roleArn ? [...args, "--role", options.roleArn] : args,
            env: options.profileName ? [...env, { name: "AWS_PROFILE", value: options.profileName }] : env,
          },
        },
      },
    ],
  };
}

/** The engine's resource monitor, asked directly: the SDK's own way keeps its settings in one place per process. */
class Monitor {
  readonly #request: ConstructRequest;
  readonly #client: InstanceType<typeof monitorService.ResourceMonitorClient>;

  constructor(request: ConstructRequest) {
    this.#request = request;
    this.#client = new monitorService.ResourceMonitorClient(request.monitor, grpc.credentials.createInsecure(), {
      "grpc.max_receive_message_length": 400 * 1024 * 1024,
    });
  }

  async register(resource: {
    type: string;
    name: string;
    object: Properties;
    custom: boolean;
    parent?: string;
    dependencies?: string[];
  }): Promise<Registered> {
    const request = this.#request;
    const message = new monitorMessages.RegisterResourceRequest()
      .setType(resource.type)
      .setName(resource.name)
      .setParent(resource.parent ?? request.parent)
      .setCustom(resource.custom)
      .setObject(encode(resource.object) as never)
      .setAcceptsecrets(true)
      .setAcceptresources(true)
      .setSupportspartialvalues(true)
      .setAliasspecs(true)
      .setDependenciesList([...(resource.custom ? [] : request.dependencies), ...(resource.dependencies ?? [])]);
    const pkg = resource.type.split(":")[0] ?? "";
    const provider = request.providers[pkg];
    if (resource.custom && provider) message.setProvider(provider);
    if (!resource.custom) {
      for (const [name, reference] of Object.entries(request.providers)) message.getProvidersMap().set(name, reference);
      message.setAliasesList(request.aliases as never);
    }
    if (request.protect !== undefined) message.setProtect(request.protect);
    const call = promisify(
      (
        sent: InstanceType<typeof monitorMessages.RegisterResourceRequest>,
        callback: (error: Error | null, answer?: InstanceType<typeof monitorMessages.RegisterResourceResponse>) => void,
      ) => this.#client.registerResource(sent, callback as never),
    );
    const answer = await call(message);
    if (!answer) throw new Error(`the engine did not answer for ${resource.name}`);
    const object = decode(answer.getObject());
    return { urn: answer.getUrn(), id: answer.getId() === "" ? unknown : answer.getId(), object };
  }

  async registerOutputs(urn: string, state: Properties): Promise<void> {
    const message = new monitorMessages.RegisterResourceOutputsRequest().setUrn(urn).setOutputs(encode(state) as never);
    const call = promisify(
      (
        sent: InstanceType<typeof monitorMessages.RegisterResourceOutputsRequest>,
        callback: (error: Error | null) => void,
      ) => this.#client.registerResourceOutputs(sent, callback as never),
    );
    await call(message);
  }

  close(): void {
    this.#client.close();
  }
}
