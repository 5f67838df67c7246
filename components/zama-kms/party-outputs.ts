import * as pulumi from "@pulumi/pulumi";
import type { Arn } from "../../contract/names.ts";
import { type NetworkManifest, partyHost } from "../../contract/network-manifest.ts";
import type { PartyOutputs } from "../../contract/party-outputs.ts";
import type { HeldRelease } from "../../contract/release-secrets.ts";
import { signingKeyHandle } from "../../contract/signing-key-handle.ts";
import type { EnclaveNodegroup } from "../aws/enclave-nodegroup.ts";
import type { PartyRole } from "../aws/party-role.ts";
import type { SigningKey } from "../aws/signing-key.ts";
import type { Vault } from "../aws/vault.ts";
import { type PartyNamespace, partyNames } from "../kubernetes/party-namespace.ts";
import type { Prober } from "../kubernetes/prober.ts";
import type { Outputs } from "../outputs.ts";
import { type CoreRelease, coreObjects } from "./core-release.ts";
import type { PartyArgs } from "./party-args.ts";
import type { KeyNames, PartyKey } from "./party-keys.ts";
import type { PartyLinks } from "./party-links.ts";
import { backupOf } from "./party-rights.ts";
import type { Vaults } from "./party-stores.ts";

export interface Roles {
  core: PartyRole;
  connector: PartyRole;
}

/** What a party is made of, once all of it is declared. */
export interface PartyParts {
  vaults: Vaults;
  roles: Roles;
  key: PartyKey;
  txSenderKey: KeyNames | undefined;
  signingKey: SigningKey;
  zoneIds: pulumi.Output<string[]>;
  links: PartyLinks;
  place: PartyNamespace;
  nodegroup: EnclaveNodegroup;
  prober: Prober;
  /** By which peers connect; absent while there is none. */
  endpointServiceName: pulumi.Output<string> | undefined;
  database: pulumi.Output<PartyOutputs["database"]> | undefined;
  /** Absent while the core is withheld; there and without a core while it is held back. */
  core: CoreRelease | undefined;
}

/** The contract that runbooks, reports and peers read. */
export function partyOutputs(args: PartyArgs, parts: PartyParts): Outputs<PartyOutputs> {
  const { manifest, config, party } = args;
  const backup = backupOf(args);
  return {
    ...known({
      contract: "party/v1",
      system: manifest.system,
      network: manifest.network,
      partyId: party.id,
      partyName: party.name,
      accountId: config.accountId,
      awsProfile: config.awsProfile,
      region: config.region,
      manifestDigest: args.manifestDigest,
      transport: manifest.transport,
      ports: manifest.ports,
      serviceAccounts: { ...partyNames.serviceAccounts },
      services: coreObjects(party.id).services,
      peerHosts: peerHosts(manifest, party.id),
      trustedReleases: manifest.trustedReleases,
      kubeip: parts.links.kubeip?.agent.state ?? null,
      allocator: args.allocator,
      ...(config.core === "released" && args.coreStart.heldFor.length > 0
        ? { coreHeldFor: [...args.coreStart.heldFor] }
        : {}),
      ...(args.held?.length ? { heldForSecrets: args.held.map(writable) } : {}),
      backupVault: backup
        ? {
            accountId: backup.accountId,
            bucketName: backup.bucketName,
            prefix: backup.prefix,
            keyAliasArn: backup.keyAliasArn as Arn,
          }
        : null,
      absent: {
        ...absentWays(args, parts),
        ...absentRelease(args),
        ...(parts.txSenderKey === undefined
          ? { txSenderKeyArn: "the connector has no key to sign with: quorate:txSenderKey in the stack file" }
          : {}),
        ...(backup === undefined ? { backupVault: "nothing is backed up: quorate:backup in the stack file" } : {}),
        ...(parts.vaults.logBucketName === undefined
          ? { auditLogBucket: "nothing is written down: quorate:audit in the stack file" }
          : {}),
        ...(parts.database === undefined
          ? { database: "the connector has no database of this stack: quorate:connectorDatabase in the stack file" }
          : {}),
      },
    }),
    ...deployed(args, parts),
  };
}

function absentWays({ manifest }: PartyArgs, { endpointServiceName }: PartyParts): Record<string, string> {
  const by = `peers connect by ${manifest.transport}, which needs no`;
  if (manifest.transport === "kubeip") return { endpointServiceName: `${by} endpoint service` };
  return {
    ...(endpointServiceName === undefined
      ? { endpointServiceName: "the manifest does not name this party's endpoint service yet" }
      : {}),
    elasticIp: `${by} public address`,
    kubeip: `${by} public address`,
  };
}

const writable = ({ release, secrets, commands }: HeldRelease) => ({
  release,
  secrets: [...secrets],
  commands: [...commands],
});

function absentRelease({ config, coreStart, held = [] }: PartyArgs): { release?: string } {
  if (config.core === "withheld") return { release: "the core is withheld: quorate:core in the stack file" };
  const core = held.find(({ release }) => release === "core");
  if (core) return { release: `the core is held back until its Secrets are there: ${core.secrets.join(", ")}` };
  if (coreStart.heldFor.length === 0) return {};
  return {
    release: `the core is held back until the CA certificates of its peers are there: ${coreStart.heldFor.join(", ")}`,
  };
}

type Deployed =
  | "cluster"
  | "enclaveNodegroup"
  | "namespace"
  | "configMapName"
  | "release"
  | "workload"
  | "publicVault"
  | "privateVault"
  | "caCertificate"
  | "partyKeyArn"
  | "txSenderKeyArn"
  | "auditLogBucket"
  | "signingKeyArn"
  | "availabilityZoneIds"
  | "endpointServiceName"
  | "elasticIp"
  | "furtherIps"
  | "database"
  | "roles"
  | "securityGroupIds";

/** The fields that need something deployed. */
function deployed(args: PartyArgs, parts: PartyParts): Pick<Outputs<PartyOutputs>, Deployed> {
  const { vaults, roles, key, links, place, prober, core } = parts;
  const addresses = links.kubeip?.addresses;
  const isStarted = args.coreStart.heldFor.length === 0;
  const bucket = (vault: Vault, prefix: string) => ({
    bucketName: vault.bucketName,
    bucketArn: vault.bucketArn,
    prefix,
  });
  const { statefulSet, pod } = coreObjects(args.party.id);
  const caKey = `${vaults.prefixes.public}/CACert/${signingKeyHandle}`;
  const fields = {
    cluster: pulumi.output({ name: args.cluster.clusterName, region: args.config.region }),
    enclaveNodegroup: parts.nodegroup.nodegroupName,
    namespace: place.namespace,
    configMapName: place.configMapName,
    release: pulumi
      .output(
        core &&
          isStarted && {
            name: core.releaseName,
            chartVersion: core.chartVersion,
            version: args.release.version,
            imageDigest: args.release.image.digest,
          },
      )
      .apply((release) => release || null),
    workload: pulumi.output({ statefulSet, pod, prober: prober.deploymentName }),
    publicVault: pulumi.output({ ...bucket(vaults.public, vaults.prefixes.public), url: vaults.public.url }),
    privateVault: pulumi.output(bucket(vaults.private, vaults.prefixes.private)),
    caCertificate: pulumi.output({
      bucketName: vaults.public.bucketName,
      key: caKey,
      url: pulumi.interpolate`${vaults.public.url}/${caKey}`,
    }),
    partyKeyArn: key.keyArn,
    txSenderKeyArn: pulumi.output(parts.txSenderKey?.keyArn).apply((arn) => arn ?? null),
    auditLogBucket: pulumi.output(vaults.logBucketName).apply((bucket) => bucket ?? null),
    signingKeyArn: parts.signingKey.keyArn,
    availabilityZoneIds: parts.zoneIds,
    endpointServiceName: pulumi.output(parts.endpointServiceName).apply((serviceName) => serviceName ?? null),
    elasticIp: pulumi.output(addresses?.address).apply((address) => address ?? null),
    // Left out where there is no more than one: an output of nothing would be one.
    ...(addresses && args.config.enclaveNodes.maxSize > 1
      ? { furtherIps: addresses.addresses.apply(([, ...further]) => further) }
      : {}),
    database: pulumi.output(parts.database).apply((database) => database ?? null),
    roles: pulumi.output({ core: roles.core.roleArn, connector: roles.connector.roleArn }),
    securityGroupIds: pulumi.output([args.cluster.securityGroupId, links.securityGroupId]),
  };
  // AWS makes the ARNs; whoever reads the outputs parses them with the contract.
  return fields as Pick<Outputs<PartyOutputs>, Deployed>;
}

/** Also of peers to which there is no way yet: a link that is missing has to be reported, not forgotten. */
function peerHosts(manifest: NetworkManifest, partyId: number): Record<string, string> {
  const peers = manifest.parties.filter((party) => party.id !== partyId);
  return Object.fromEntries(
    peers.map((peer) => [String(peer.id), `${partyHost(peer)}.${manifest.namespace}.svc.cluster.local`]),
  );
}

type Known = Omit<PartyOutputs, Deployed>;

function known(values: Known): Outputs<Known> {
  const fields = Object.entries(values).map(([field, value]) => [field, pulumi.output(value)]);
  return Object.fromEntries(fields);
}
