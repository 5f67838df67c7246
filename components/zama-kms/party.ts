import * as pulumi from "@pulumi/pulumi";
import { enclaveNodeKey } from "../../contract/enclave-node-key.ts";
import type { PartyOutputs } from "../../contract/party-outputs.ts";
import { clusterNameOf } from "../../contract/stack-config.ts";
import type { EnclaveNodegroup } from "../aws/enclave-nodegroup.ts";
import { PartyRole, type PartyRoleArgs } from "../aws/party-role.ts";
import { zoneIds } from "../aws/zone-ids.ts";
import { PartyNamespace, partyNames } from "../kubernetes/party-namespace.ts";
import { Prober } from "../kubernetes/prober.ts";
import type { Outputs } from "../outputs.ts";
import { createPeerCertificates, createSigningKey } from "./card-parts.ts";
import { createCoreBudget, createCoreGuards } from "./core-guards.ts";
import { CoreRelease } from "./core-release.ts";
import { isHeld, type PartyArgs } from "./party-args.ts";
import { createDatabase } from "./party-database.ts";
import { type PartyKey, settlePartyKey, settleTxSenderKey } from "./party-keys.ts";
import { createPeerGate } from "./party-kubeip.ts";
import { createPartyLinks, createPeerServices, settleEndpointService } from "./party-links.ts";
import { createLogShipping } from "./party-logs.ts";
import { createNodes } from "./party-nodes.ts";
import { createOptions } from "./party-options.ts";
import { type PartyParts, partyOutputs, type Roles } from "./party-outputs.ts";
import { createOptionalReleases } from "./party-releases.ts";
import { backupOf, connectorRights, coreRights } from "./party-rights.ts";
import { partyRoleNames } from "./party-role-names.ts";
import { createVaults, type Vaults } from "./party-stores.ts";

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
    const key = settlePartyKey(this, name, args, roles.core);
    const txSenderKey = settleTxSenderKey(this, name, args, roles.connector);
    const signingKey = createSigningKey(this, name, args);
    const links = createPartyLinks(this, name, args);
    const place = createNamespace(this, name, args, { vaults, roles, key, txSenderKey });
    const budget = createCoreBudget(this, name, args, place);
    const nodegroup = createNodes(this, name, args, links.kubeip, [budget]);
    createPeerServices(this, name, args, links, place.namespace);
    if (links.kubeip) createPeerGate(this, name, args, place.namespace);
    const endpointServiceName = settleEndpointService(this, name, args, place.namespace);
    const database = createDatabase(this, name, args, place.namespace);
    const prober = createProber(this, name, args, place, nodegroup);
    const certificates = createPeerCertificates(this, name, args, vaults.public.bucketName);
    const guards = createCoreGuards(this, name, args, place);
    const core =
      args.config.core === "released" && !isHeld(args, "core")
        ? createCore(this, name, args, vaults, key, place, [nodegroup, prober, certificates, ...guards])
        : undefined;
    const zones = zoneIds(links.kubeip?.nodes.subnetIds ?? args.cluster.privateSubnetIds, { parent: this });
    createOptions(this, name, args, place.namespace);
    createLogShipping(this, name, args, place.namespace);
    const publicVault = { bucketName: vaults.public.bucketName, prefix: vaults.prefixes.public };
    createOptionalReleases(this, name, args, { place, publicVault, database, guards });
    this.outputs = partyOutputs(args, {
      ...{ vaults, roles, key, txSenderKey, signingKey, zoneIds: zones, links, place, nodegroup, prober, core },
      ...{ endpointServiceName, database },
    });
    this.registerOutputs({ ...this.outputs });
  }
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
    connector: role("connector", { rights: connectorRights(args) }),
  };
}

function createNamespace(
  parent: Party,
  name: string,
  args: PartyArgs,
  { vaults, roles, key, txSenderKey }: Pick<PartyParts, "vaults" | "roles" | "key" | "txSenderKey">,
): PartyNamespace {
  const { manifest, party } = args;
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
      backupVault: backupVault(args),
      txSenderKeyId: txSenderKey?.keyId,
    },
    { parent },
  );
}

/** As the core's configuration names it. */
function backupVault(args: PartyArgs) {
  const backup = backupOf(args);
  if (backup === undefined) return undefined;
  const { bucketName, prefix, keyAliasArn } = backup;
  return { bucketName, prefix, key: { id: keyAliasArn, spec: "asymm" as const } };
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
  args: PartyArgs,
  vaults: Vaults,
  key: PartyKey,
  place: PartyNamespace,
  dependsOn: pulumi.Resource[],
): CoreRelease {
  const { manifest, config, party, release, chart } = args;
  const backup = backupVault(args);
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
      ...(backup && { backupVault: backup }),
      start: args.coreStart,
      before: args.checkSecrets?.("core"),
    },
    { parent, dependsOn: [...dependsOn, place] },
  );
}
