import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { partyHost } from "../../contract/network-manifest.ts";
import type { PartyOutputs } from "../../contract/party-outputs.ts";
import { clusterNameOf } from "../../contract/stack-config.ts";
import type { Pcr } from "../../contract/trusted-release.ts";
import { accountRootArn, roleArn } from "../aws/arn.ts";
import { AttestedKey } from "../aws/attested-key.ts";
import { EnclaveNodegroup, enclaveNodeKey } from "../aws/enclave-nodegroup.ts";
import { coreStatements, type Statement } from "../aws/key-policy.ts";
import { LogBucket } from "../aws/log-bucket.ts";
import { PartyRole, type PartyRoleArgs } from "../aws/party-role.ts";
import { PeerEndpoints } from "../aws/peer-endpoints.ts";
import { Vault } from "../aws/vault.ts";
import { EnclaveDevicePlugin } from "../kubernetes/enclave-device-plugin.ts";
import { PartyNamespace, partyNames } from "../kubernetes/party-namespace.ts";
import { PeerServices } from "../kubernetes/peer-services.ts";
import { Prober } from "../kubernetes/prober.ts";
import type { Outputs } from "../outputs.ts";
import { CoreRelease } from "./core-release.ts";
import { coreSelector } from "./core-values.ts";
import type { PartyArgs } from "./party-args.ts";
import { type PartyKey, partyOutputs, type Roles, type Vaults } from "./party-outputs.ts";
import { partyRoleNames } from "./party-role-names.ts";

/**
 * One party of a Zama KMS network: its two vaults and the key that seals one of them, its enclave nodes, its way to
 * the peers, its core and its prober.
 *
 * Needs a provider for AWS and one for the party's cluster.
 */
export class Party extends pulumi.ComponentResource {
  readonly outputs: Outputs<PartyOutputs>;

  constructor(name: string, args: PartyArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorate:zama-kms:Party", name, {}, opts);
    const vaults = createVaults(this, name, args);
    const roles = createRoles(this, name, args, vaults);
    const key = settleKey(this, name, args, roles.core);
    const nodegroup = createNodegroup(this, name, args);
    const endpoints = createEndpoints(this, name, args);
    const place = createNamespace(this, name, args, vaults, roles, key);
    createPeerServices(this, name, args, endpoints, place);
    new EnclaveDevicePlugin(`${name}-device-plugin`, { nodeKey: enclaveNodeKey }, { parent: this });
    const prober = createProber(this, name, args, place, nodegroup);
    const core =
      args.config.core === "released"
        ? createCore(this, name, args, vaults, key, place, [nodegroup, prober])
        : undefined;
    this.outputs = partyOutputs(args, { vaults, roles, key, endpoints, place, prober, core });
    this.registerOutputs({ ...this.outputs });
  }
}

function createVaults(parent: Party, name: string, { config, party }: PartyArgs): Vaults {
  const suffix = new random.RandomId(`${name}-vault-suffix`, { byteLength: 4 }, { parent });
  const bucketPrefix = config.vaults?.bucketPrefix ?? "mpc-vault";
  const bucketName = (kind: string) => pulumi.interpolate`${bucketPrefix}-${kind}-${suffix.hex}`;
  const logs = config.audit.accessLog
    ? new LogBucket(
        `${name}-logs`,
        { bucketName: bucketName("logs"), accountId: config.accountId, retentionDays: config.audit.retentionDays },
        { parent },
      )
    : undefined;
  const vault = (role: "public" | "private") =>
    new Vault(
      `${name}-${role}-vault`,
      {
        role,
        bucketName: bucketName(role),
        region: config.region,
        ...(logs ? { logBucketName: logs.bucketName } : {}),
        ...(config.vaults ? { supersededVersionDays: config.vaults.supersededVersionDays } : {}),
      },
      { parent },
    );
  const prefixes = {
    public: config.vaults?.publicPrefix ?? `PUB-p${party.id}`,
    private: config.vaults?.privatePrefix ?? `PRV-p${party.id}`,
  };
  return { public: vault("public"), private: vault("private"), prefixes };
}

function createRoles(parent: Party, name: string, args: PartyArgs, vaults: Vaults): Roles {
  const { manifest, config, party, cluster } = args;
  const roleNames = partyRoleNames(clusterNameOf(config.cluster), party.id, config.roles);
  const oidc = { providerArn: cluster.oidcProviderArn, issuer: cluster.oidcIssuer };
  const accountOf = (kind: keyof Roles) => ({
    namespace: manifest.namespace,
    name: partyNames.serviceAccounts[kind],
  });
  const rights = {
    publicArn: vaults.public.bucketArn,
    privateArn: vaults.private.bucketArn,
    prefixes: vaults.prefixes,
  };
  const role = (kind: keyof Roles, more: Partial<PartyRoleArgs> = {}) =>
    new PartyRole(
      `${name}-${kind}`,
      { roleName: roleNames[kind], serviceAccount: accountOf(kind), oidc, ...more },
      { parent },
    );
  return {
    core: role("core", { vaults: rights, rights: coreRights(args) }),
    connector: role("connector"),
  };
}

/** What the core may do in other accounts: there both sides have to allow it. */
function coreRights(args: PartyArgs): Record<string, Statement[]> {
  const { spec, arn } = args.config.partyKey;
  return arn === undefined ? {} : { "party-key": coreStatements(spec, allowedPcr0(args), arn) };
}

function allowedPcr0({ config, manifest }: PartyArgs): readonly Pcr[] {
  return config.allowedPcr0 ?? manifest.trustedReleases.map((release) => release.pcr0);
}

/** The key that seals the private vault: of our own making, or the one of another account that was named. */
function settleKey(parent: Party, name: string, args: PartyArgs, core: PartyRole): PartyKey {
  const { manifest, config, party, release } = args;
  const { spec, arn, deletionWindowDays } = config.partyKey;
  if (arn !== undefined) {
    void pulumi.log.info(
      `the party's key is another account's: its policy has to let role ${roleArnOf(args)} decrypt, for enclaves with PCR0 ${allowedPcr0(args).join(", ")} only`,
      parent,
    );
    return { keyArn: pulumi.output<string>(arn), keyId: pulumi.output<string>(arn), spec };
  }
  const { keyArn, keyId } = new AttestedKey(
    `${name}-vault`,
    {
      alias: `quorate-${manifest.network}-party-${party.id}`,
      coreRoleArn: core.roleArn,
      spec,
      allowedPcr0: allowedPcr0(args),
      runningPcr0: release.pcr0,
      administratorArns: config.partyKey.administratorArns ?? [accountRootArn(config.region, config.accountId)],
      deletionWindowDays,
    },
    { parent },
  );
  return { keyArn, keyId, spec };
}

function roleArnOf({ config, party }: PartyArgs): string {
  const { core } = partyRoleNames(clusterNameOf(config.cluster), party.id, config.roles);
  return roleArn(config.region, config.accountId, core);
}

function createNodegroup(parent: Party, name: string, { config, cluster, allocator }: PartyArgs): EnclaveNodegroup {
  const nodes = config.enclaveNodes;
  return new EnclaveNodegroup(
    `${name}-enclaves`,
    {
      region: config.region,
      cluster: {
        name: cluster.clusterName,
        version: cluster.version,
        subnetIds: cluster.privateSubnetIds,
        securityGroupId: cluster.securityGroupId,
      },
      instanceType: nodes.instanceType,
      amiReleaseVersion: nodes.amiReleaseVersion,
      size: { min: nodes.minSize, max: nodes.maxSize, desired: nodes.desiredSize },
      rootVolumeGib: nodes.rootVolumeGib,
      allocator,
    },
    { parent },
  );
}

function createEndpoints(parent: Party, name: string, { manifest, party, cluster }: PartyArgs): PeerEndpoints {
  const peers = manifest.parties.filter((peer) => peer.id !== party.id);
  const unpublished = peers.filter((peer) => peer.endpointServiceName === undefined);
  if (unpublished.length > 0) {
    const ids = unpublished.map((peer) => peer.id).join(", ");
    void pulumi.log.warn(
      `no way yet to party ${ids}: the manifest names no endpointServiceName; add it once published, then run up again`,
      parent,
    );
  }
  return new PeerEndpoints(
    `${name}-peers`,
    {
      peers: peers.flatMap(({ id, region, endpointServiceName }) =>
        endpointServiceName === undefined ? [] : [{ partyId: id, region, endpointServiceName }],
      ),
      vpcId: cluster.vpcId,
      subnetIds: cluster.privateSubnetIds,
      clientSecurityGroupId: cluster.securityGroupId,
      ports: [manifest.ports.peer, manifest.ports.metrics],
    },
    { parent },
  );
}

function createNamespace(
  parent: Party,
  name: string,
  { manifest, party }: PartyArgs,
  vaults: Vaults,
  roles: Roles,
  key: PartyKey,
): PartyNamespace {
  return new PartyNamespace(
    `${name}-place`,
    {
      namespace: manifest.namespace,
      partyId: party.id,
      partyLabel: `party-${party.id}`,
      roles: { core: roles.core.roleArn, connector: roles.connector.roleArn },
      publicVault: {
        url: vaults.public.url,
        bucketName: vaults.public.bucketName,
        prefix: vaults.prefixes.public,
      },
      privateVault: {
        bucketName: vaults.private.bucketName,
        prefix: vaults.prefixes.private,
        keyId: key.keyId,
        keySpec: key.spec,
      },
    },
    { parent },
  );
}

function createPeerServices(
  parent: Party,
  name: string,
  { manifest, party }: PartyArgs,
  endpoints: PeerEndpoints,
  place: PartyNamespace,
) {
  new PeerServices(
    `${name}-hosts`,
    {
      namespace: place.namespace,
      ports: manifest.ports,
      own: { partyId: party.id, host: partyHost(party), selector: coreSelector },
      peers: manifest.parties.flatMap((peer) => {
        const externalName = endpoints.dnsNames[peer.id];
        return externalName ? [{ partyId: peer.id, host: partyHost(peer), externalName }] : [];
      }),
    },
    { parent },
  );
}

function createProber(
  parent: Party,
  name: string,
  { config, proberSource }: PartyArgs,
  place: PartyNamespace,
  nodegroup: EnclaveNodegroup,
): Prober {
  return new Prober(
    `${name}-prober`,
    { namespace: place.namespace, nodeKey: enclaveNodeKey, source: proberSource, image: config.proberImage },
    // Without a node its Deployment would never become available.
    { parent, dependsOn: [nodegroup] },
  );
}

function createCore(
  parent: Party,
  name: string,
  { manifest, config, party, release, chart }: PartyArgs,
  vaults: Vaults,
  key: PartyKey,
  place: PartyNamespace,
  dependsOn: pulumi.Resource[],
): CoreRelease {
  return new CoreRelease(
    `${name}-kms`,
    {
      namespace: place.namespace,
      manifest,
      chart,
      partyId: party.id,
      region: config.region,
      release,
      serviceAccount: partyNames.serviceAccounts.core,
      configMapName: partyNames.configMap,
      nodeKey: enclaveNodeKey,
      publicVault: { bucketName: vaults.public.bucketName, prefix: vaults.prefixes.public },
      privateVault: {
        bucketName: vaults.private.bucketName,
        prefix: vaults.prefixes.private,
        keyId: key.keyId,
        keySpec: key.spec,
      },
    },
    { parent, dependsOn: [...dependsOn, place] },
  );
}
