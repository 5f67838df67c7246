import * as pulumi from "@pulumi/pulumi";
import * as settings from "@pulumi/pulumi/runtime/settings.js";

/** One resource as the program registered it. */
export interface Registered {
  urn: string;
  type: string;
  name: string;
  parent: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: the inputs of any resource type
  inputs: Record<string, any>;
  protect: boolean;
  dependsOn: string[];
  provider: string | undefined;
}

/** What a program or a component registered, once all of it is known. */
export class MockStack<T> {
  readonly result: T;
  readonly resources: readonly Registered[];

  constructor(result: T, resources: readonly Registered[]) {
    this.result = result;
    this.resources = resources;
  }

  /** The one resource with this name. */
  get(name: string): Registered {
    const found = this.resources.filter((resource) => resource.name === name);
    if (found.length === 1 && found[0]) return found[0];
    const names = this.resources.map((resource) => resource.name).join(", ");
    throw new Error(`${found.length} resources are named ${name}; there are ${names}`);
  }

  ofType(type: string): Registered[] {
    return this.resources.filter((resource) => resource.type === type);
  }

  /** One line per resource, children under their parent: the graph as a reader sees it. */
  tree(): string[] {
    const line = (resource: Registered) => {
      const depth = (parent: string | undefined): number => {
        const above = this.resources.find(({ urn }) => urn === parent);
        return above ? 1 + depth(above.parent) : 0;
      };
      return `${"  ".repeat(depth(resource.parent))}${resource.name} (${resource.type})${resource.protect ? " protected" : ""}`;
    };
    const below = (parent: Registered | undefined): string[] =>
      this.resources
        .filter(({ parent: urn }) =>
          parent ? urn === parent.urn : !this.resources.some((resource) => resource.urn === urn),
        )
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .flatMap((resource) => [line(resource), ...below(resource)]);
    return below(undefined);
  }
}

/** Builds something on a fresh mock stack and waits until every resource is registered. */
export async function onMockStack<T>(
  build: () => T | Promise<T>,
  {
    calls = {},
    states = {},
    preview = false,
  }: { calls?: Record<string, object>; states?: Record<string, object>; preview?: boolean } = {},
): Promise<MockStack<T>> {
  const resources: Registered[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: (args) => ({
        id: args.custom === false ? undefined : `${args.name}-id`,
        state: { ...stateOf(args), ...states[args.type] },
      }),
      call: (args) => {
        const answer = { ...callAnswers, ...calls }[args.token];
        if (answer) return { ...args.inputs, ...(typeof answer === "function" ? answer(args.inputs) : answer) };
        throw new Error(`no mock answer for the call ${args.token}`);
      },
    },
    "quorate",
    "party-1",
    preview,
    "organization",
  );
  record(resources);
  const result = await build();
  await pulumi.runtime.disconnect();
  return new MockStack(result, resources);
}

/** Value of an output; awaited, so that a failing expectation fails its own test. */
export async function settled<T>(output: pulumi.Output<T>): Promise<T> {
  return await (output as unknown as { promise(): Promise<T> }).promise();
}

interface RegisterRequest {
  getType(): string;
  getName(): string;
  getParent(): string;
  getProtect(): boolean;
  getDependenciesList(): string[];
  getProvider(): string;
}

type Answer = (error: unknown, response?: { getUrn(): string }) => void;

/** The mocks are told neither parent nor options, so we read them off the request itself. */
function record(resources: Registered[]): void {
  const monitor = settings.getMonitor() as unknown as {
    mocks: pulumi.runtime.Mocks;
    registerResource(request: RegisterRequest, answer: Answer): Promise<void>;
    registerResourceHook(request: unknown, answer: (error: null, response: object) => void): void;
  };
  // The SDK's mocks know no hooks: a program that has one would wait for ever. None is ever called.
  monitor.registerResourceHook = (_request, answer) => answer(null, {});
  const register = monitor.registerResource.bind(monitor);
  const newResource = monitor.mocks.newResource.bind(monitor.mocks);
  const inputs = new Map<string, Record<string, unknown>>();
  monitor.mocks.newResource = (args) => {
    inputs.set(`${args.type} ${args.name}`, args.inputs);
    return newResource(args);
  };
  monitor.registerResource = async (request, answer) =>
    await register(request, (error, response) => {
      if (response)
        resources.push({
          urn: response.getUrn(),
          type: request.getType(),
          name: request.getName(),
          parent: request.getParent() || undefined,
          inputs: inputs.get(`${request.getType()} ${request.getName()}`) ?? {},
          protect: request.getProtect(),
          dependsOn: request.getDependenciesList(),
          provider: request.getProvider() || undefined,
        });
      answer(error, response);
    });
}

const account = "100000000001";

/** What AWS would fill in. Everything else answers with its own inputs. */
function stateOf({ type, name, inputs }: pulumi.runtime.MockResourceArgs): Record<string, unknown> {
  return { ...inputs, ...computed[type]?.(name, inputs) };
}

const computed: Record<string, (name: string, inputs: Record<string, unknown>) => Record<string, unknown>> = {
  "aws:s3/bucket:Bucket": (_name, { bucket }) => ({ arn: `arn:aws:s3:::${bucket}` }),
  "aws:kms/key:Key": () => ({
    keyId: "11111111-2222-3333-4444-555555555555",
    arn: `arn:aws:kms:eu-west-1:${account}:key/11111111-2222-3333-4444-555555555555`,
  }),
  "aws:kms/externalKey:ExternalKey": (name) => ({
    arn: `arn:aws:kms:eu-west-1:${account}:key/${name}-id`,
    keyState: "PendingImport",
  }),
  "aws:kms/replicaKey:ReplicaKey": (_name, { region }) => ({ arn: `arn:aws:kms:${region}:${account}:key/mrk-1` }),
  "aws:iam/role:Role": (name, inputs) => ({
    name: inputs.name ?? name,
    arn: `arn:aws:iam::${account}:role/${inputs.name ?? name}`,
  }),
  "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (_name, { url }) => ({
    arn: `arn:aws:iam::${account}:oidc-provider/${String(url).replace("https://", "")}`,
  }),
  "aws:ec2/launchTemplate:LaunchTemplate": () => ({ latestVersion: 1 }),
  "aws:ec2/vpcEndpoint:VpcEndpoint": (name) => ({
    dnsEntries: [{ dnsName: `vpce-${name}.vpce.amazonaws.com`, hostedZoneId: "Z1" }],
  }),
  "kubernetes:core/v1:Service": (name, { spec }) =>
    (spec as { type?: string } | undefined)?.type === "LoadBalancer"
      ? { status: { loadBalancer: { ingress: [{ hostname: `${name}.elb.eu-west-1.amazonaws.com` }] } } }
      : {},
  "aws:ec2/vpcEndpointService:VpcEndpointService": (name) => ({
    serviceName: `com.amazonaws.vpce.eu-west-1.vpce-svc-${name}`,
  }),
  "aws:route53/zone:Zone": (name) => ({ zoneId: `${name}-id` }),
  "aws:rds/instance:Instance": (_name, { identifier, port }) => ({
    address: `${identifier}.rds.amazonaws.com`,
    endpoint: `${identifier}.rds.amazonaws.com:${port}`,
    masterUserSecrets: [{ secretArn: `arn:aws:secretsmanager:eu-west-1:${account}:secret:rds!${identifier}` }],
  }),
  "aws:eks/nodeGroup:NodeGroup": (name) => ({ nodeGroupName: name }),
  "random:index/randomId:RandomId": () => ({ hex: "0a1b2c3d" }),
  "eks:index:Cluster": (_name, { name, version }) => ({
    eksCluster: { ...clusterFacts, name, version },
    clusterSecurityGroupId: clusterFacts.vpcConfig.clusterSecurityGroupId,
  }),
};

const clusterFacts = {
  endpoint: "https://cluster.example",
  certificateAuthority: { data: "Q0E=" },
  identities: [{ oidcs: [{ issuer: "https://oidc.eks.eu-west-1.amazonaws.com/id/ABC" }] }],
  vpcConfig: { clusterSecurityGroupId: "sg-0123456789abcdef0", vpcId: "vpc-01", subnetIds: ["subnet-0a", "subnet-0b"] },
};

const callAnswers: Record<string, object> = {
  "aws:ec2/getInstanceType:getInstanceType": {
    defaultVcpus: 64,
    memorySize: 131_072,
    nitroEnclavesSupport: "supported",
    supportedArchitectures: ["x86_64"],
  },
  "pulumi:pulumi:readStackResourceOutputs": { outputs: {} },
  "aws:lb/getLoadBalancer:getLoadBalancer": {
    arn: `arn:aws:elasticloadbalancing:eu-west-1:${account}:loadbalancer/net/k8s-kms/0123456789abcdef`,
    internal: true,
    loadBalancerType: "network",
  },
  "aws:eks/getCluster:getCluster": { ...clusterFacts, version: "1.33", certificateAuthorities: [{ data: "Q0E=" }] },
  "aws:eks/getAddon:getAddon": { configurationValues: '{"enableNetworkPolicy":"true"}' },
  "aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": {},
  "aws:ec2/getSubnet:getSubnet": {
    mapPublicIpOnLaunch: false,
    availabilityZoneId: "euw1-az1",
    cidrBlock: "10.1.0.0/24",
  },
};
