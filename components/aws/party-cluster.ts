import * as aws from "@pulumi/aws";
import * as eks from "@pulumi/eks";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { accountRootArn, partitionOf } from "./arn.ts";
import { createAddons } from "./cluster-addons.ts";
import { ClusterSecretsKey } from "./cluster-secrets-key.ts";
import { closedAmong, readSubnets } from "./subnets.ts";

export interface NewCluster {
  name: string;
  /** Kubernetes minor version. */
  version: string;
  vpcId: string;
  /** At least two, in different zones. */
  privateSubnetIds: string[];
  /** From where the API server's public endpoint answers. @default no public endpoint */
  publicAccessCidrs?: string[] | undefined;
  /** Who may manage the key that encrypts the cluster's Secrets. @default whom the account's own IAM policies allow, and 30 days */
  secretsKey?: { administratorArns?: readonly string[] | undefined; deletionWindowDays: number } | undefined;
}

export interface PartyClusterArgs {
  region: string;
  accountId: string;
  cluster: { create: NewCluster } | { existing: { name: string } };
  /** Who runs `up`, and so makes the cluster. @default whom the account's own IAM policies allow */
  operatorArns?: readonly string[] | undefined;
}

/**
 * The EKS cluster of one party. Creates: a cluster, the key that encrypts its Secrets, its OIDC provider and its
 * add-ons; or nothing where the cluster exists.
 *
 * A cluster once made is never replaced: it is protected. EKS takes a key for Secrets later too, and never gives it
 * back.
 *
 * A cluster that exists has to have its OIDC provider in IAM already, as an account can hold only one per issuer.
 */
export class PartyCluster extends pulumi.ComponentResource {
  readonly clusterName: pulumi.Output<string>;
  readonly version: pulumi.Output<string>;
  readonly endpoint: pulumi.Output<string>;
  /** The API server's CA certificate, base64 of PEM. Public. */
  readonly certificateAuthorityData: pulumi.Output<string>;
  /** Issuer of service account tokens, without `https://`. */
  readonly oidcIssuer: pulumi.Output<string>;
  readonly oidcProviderArn: pulumi.Output<string>;
  readonly vpcId: pulumi.Output<string>;
  readonly privateSubnetIds: pulumi.Output<string[]>;
  /** The security group that EKS makes for nodes and control plane to talk. */
  readonly securityGroupId: pulumi.Output<string>;

  constructor(name: string, args: PartyClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    check(name, args);
    super("quorate:aws:PartyCluster", name, {}, opts);
    const facts = "create" in args.cluster ? create(this, name, args, args.cluster.create) : lookUp(this, args);
    this.clusterName = facts.clusterName;
    this.version = facts.version;
    this.endpoint = facts.endpoint;
    this.certificateAuthorityData = facts.certificateAuthorityData;
    this.oidcIssuer = facts.oidcIssuer;
    this.oidcProviderArn = facts.oidcProviderArn;
    this.vpcId = facts.vpcId;
    this.privateSubnetIds = facts.privateSubnetIds;
    this.securityGroupId = facts.securityGroupId;
    this.registerOutputs({ ...facts });
  }
}

type ClusterFacts = Pick<
  PartyCluster,
  | "clusterName"
  | "version"
  | "endpoint"
  | "certificateAuthorityData"
  | "oidcIssuer"
  | "oidcProviderArn"
  | "vpcId"
  | "privateSubnetIds"
  | "securityGroupId"
>;

function check(name: string, { cluster }: PartyClusterArgs) {
  if (!("create" in cluster)) return;
  const { privateSubnetIds, publicAccessCidrs } = cluster.create;
  checkArgs(`party cluster ${name}`, [
    new Set(privateSubnetIds).size < 2 && {
      propertyPath: "cluster.create.privateSubnetIds",
      reason: "EKS wants subnets in at least two zones",
    },
    (publicAccessCidrs ?? []).some((cidr) => cidr.endsWith("/0")) && {
      propertyPath: "cluster.create.publicAccessCidrs",
      reason: "the API server of a party is never open to everybody",
    },
  ]);
}

function create(
  parent: PartyCluster,
  name: string,
  { region, ...of }: PartyClusterArgs,
  args: NewCluster,
): ClusterFacts {
  const everyoneAllowed = [accountRootArn(region, of.accountId)];
  const secretsKey = new ClusterSecretsKey(
    `${name}-secrets`,
    {
      clusterName: args.name,
      grantorArns: of.operatorArns ?? everyoneAllowed,
      administratorArns: args.secretsKey?.administratorArns ?? everyoneAllowed,
      deletionWindowDays: args.secretsKey?.deletionWindowDays ?? 30,
    },
    { parent },
  );
  const publicAccessCidrs = args.publicAccessCidrs ?? [];
  const made = new eks.Cluster(
    `${name}-cluster`,
    {
      name: args.name,
      version: args.version,
      vpcId: args.vpcId,
      privateSubnetIds: args.privateSubnetIds,
      endpointPrivateAccess: true,
      endpointPublicAccess: publicAccessCidrs.length > 0,
      ...(publicAccessCidrs.length > 0 ? { publicAccessCidrs } : {}),
      authenticationMode: "API",
      encryptionConfigKeyArn: secretsKey.keyArn,
      // Who read a secret, or opened a shell in the core's pod, is found there and nowhere else.
      enabledClusterLogTypes: ["api", "audit", "authenticator"],
      // Nodes, add-ons and OIDC provider are ours, below and in EnclaveNodegroup.
      skipDefaultNodeGroup: true,
      skipDefaultSecurityGroups: true,
      createInstanceRole: false,
      createOidcProvider: false,
      useDefaultVpcCni: true,
      corednsAddonOptions: { enabled: false },
      kubeProxyAddonOptions: { enabled: false },
    },
    // Some changes, such as Secrets without their key, would mean another cluster: rather an error in the preview.
    { parent, protect: true },
  );
  const { eksCluster } = made;
  const issuerUrl = eksCluster.identities.apply((identities) => issuerOf(identities));
  const provider = new aws.iam.OpenIdConnectProvider(
    `${name}-oidc`,
    { url: issuerUrl, clientIdLists: ["sts.amazonaws.com"] },
    { parent },
  );
  const oidcIssuer = issuerUrl.apply(withoutScheme);
  createAddons(parent, name, {
    region,
    clusterName: eksCluster.name,
    oidc: { providerArn: provider.arn, issuer: oidcIssuer },
  });
  return {
    clusterName: eksCluster.name,
    version: pulumi.output(args.version),
    endpoint: eksCluster.endpoint,
    certificateAuthorityData: eksCluster.certificateAuthority.data,
    oidcIssuer,
    oidcProviderArn: provider.arn,
    vpcId: pulumi.output(args.vpcId),
    privateSubnetIds: pulumi.output(args.privateSubnetIds),
    securityGroupId: made.clusterSecurityGroupId,
  };
}

function lookUp(parent: PartyCluster, { region, accountId, cluster }: PartyClusterArgs): ClusterFacts {
  const name = "existing" in cluster ? cluster.existing.name : "";
  const found = aws.eks.getClusterOutput({ name }, { parent });
  const oidcIssuer = found.identities.apply((identities) => withoutScheme(issuerOf(identities)));
  return {
    clusterName: found.name,
    version: found.version,
    endpoint: found.endpoint,
    certificateAuthorityData: found.certificateAuthorities.apply((all) => all[0]?.data ?? missing("CA certificate")),
    oidcIssuer,
    oidcProviderArn: pulumi.interpolate`arn:${partitionOf(region)}:iam::${accountId}:oidc-provider/${oidcIssuer}`,
    vpcId: found.vpcConfig.vpcId,
    privateSubnetIds: privateOf(parent, found.vpcConfig.subnetIds),
    securityGroupId: found.vpcConfig.clusterSecurityGroupId,
  };
}

function privateOf(parent: PartyCluster, subnetIds: pulumi.Output<string[]>): pulumi.Output<string[]> {
  return subnetIds.apply(async (ids) => closedOnly(await readSubnets(ids, { parent })));
}

/** Ids of the private subnets: a machine started there gets no public address. */
export function closedOnly(subnets: { id: string; mapPublicIpOnLaunch: boolean }[]): string[] {
  const closed = closedAmong(subnets);
  return closed.length > 0 ? closed.sort() : missing("private subnet");
}

function issuerOf(identities: { oidcs?: { issuer?: string }[] }[]): string {
  return identities[0]?.oidcs?.[0]?.issuer ?? missing("OIDC issuer");
}

function withoutScheme(url: string): string {
  return url.replace(/^https:\/\//, "");
}

function missing(what: string): never {
  throw new pulumi.InputPropertyError({ propertyPath: "cluster", reason: `the cluster has no ${what}` });
}
