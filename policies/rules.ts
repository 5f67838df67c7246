import { apiServerClosed } from "./api-server-closed.ts";
import { chartsPinned } from "./charts-pinned.ts";
import { clusterAuditLog } from "./cluster-audit-log.ts";
import { clusterSecretsEncrypted } from "./cluster-secrets-encrypted.ts";
import { databasePasswordManaged } from "./database-password-managed.ts";
import { databaseProtected } from "./database-protected.ts";
import { databaseTls } from "./database-tls.ts";
import { enclaveCpusAdvertised } from "./enclave-cpus-advertised.ts";
import { enclaveFitsItsNode } from "./enclave-fits-its-node.ts";
import { enclaveNodesEnclosed } from "./enclave-nodes-enclosed.ts";
import { endpointServiceClosed } from "./endpoint-service-closed.ts";
import { grpcPortNeverExposed } from "./grpc-port-never-exposed.ts";
import { imagesByDigest } from "./images-by-digest.ts";
import { imagesPinned } from "./images-pinned.ts";
import { imdsNeedsToken } from "./imds-needs-token.ts";
import { irreplaceableProtected } from "./irreplaceable-protected.ts";
import { irsaSubjectExact } from "./irsa-subject-exact.ts";
import { keyAdministratorsSaid } from "./key-administrators-said.ts";
import { keyFollowsReleases } from "./key-follows-releases.ts";
import { keyNeedsAttestation } from "./key-needs-attestation.ts";
import { keyNeverLost } from "./key-never-lost.ts";
import { keyRootNeverDecrypts } from "./key-root-never-decrypts.ts";
import { loadBalancersInternal } from "./load-balancers-internal.ts";
import { metricsPortNeverPublic } from "./metrics-port-never-public.ts";
import { networkPolicyEnforced } from "./network-policy-enforced.ts";
import { noAcls } from "./no-acls.ts";
import { noIngressFromEverywhere } from "./no-ingress-from-everywhere.ts";
import { noSecretInState } from "./no-secret-in-state.ts";
import { noSpotOnMainnet } from "./no-spot-on-mainnet.ts";
import { noWildcardActions } from "./no-wildcard-actions.ts";
import { noWildcardPrincipals } from "./no-wildcard-principals.ts";
import { nodeHasNoBackDoor } from "./node-has-no-back-door.ts";
import { nodeImageDecided } from "./node-image-decided.ts";
import { publicVaultReadOnly } from "./public-vault-read-only.ts";
import { regionFitsNetwork } from "./region-fits-network.ts";
import { requiredTags } from "./required-tags.ts";
import { rootVolumeRoomy } from "./root-volume-roomy.ts";
import type { Rule } from "./rule.ts";
import { tlsNeverOff } from "./tls-never-off.ts";
import { trailComplete } from "./trail-complete.ts";
import { trustedReleasesReal } from "./trusted-releases-real.ts";
import { vaultAccessAudited } from "./vault-access-audited.ts";
import { vaultEncrypted } from "./vault-encrypted.ts";
import { vaultGrantsNoDelete } from "./vault-grants-no-delete.ts";
import { vaultKeepsVersions } from "./vault-keeps-versions.ts";
import { vaultLifecycle } from "./vault-lifecycle.ts";
import { vaultNeverEmptied } from "./vault-never-emptied.ts";
import { vaultNeverPublic } from "./vault-never-public.ts";
import { vaultOneOwner } from "./vault-one-owner.ts";
import { vaultTlsOnly } from "./vault-tls-only.ts";
import { volumesEncrypted } from "./volumes-encrypted.ts";

/** Name of the pack. */
export const packName = "quorate";

/** Every rule of the pack, by what it is about. A rule that is not here is not run. */
export const rulesByArea: Readonly<Record<string, readonly Rule[]>> = {
  Vaults: [
    vaultNeverPublic,
    publicVaultReadOnly,
    vaultOneOwner,
    noAcls,
    vaultKeepsVersions,
    vaultEncrypted,
    vaultTlsOnly,
    vaultNeverEmptied,
    vaultLifecycle,
    vaultGrantsNoDelete,
    vaultAccessAudited,
  ],
  Keys: [keyNeedsAttestation, keyRootNeverDecrypts, keyAdministratorsSaid, keyNeverLost, keyFollowsReleases],
  Identity: [noWildcardPrincipals, noWildcardActions, irsaSubjectExact],
  Nodes: [
    imdsNeedsToken,
    enclaveNodesEnclosed,
    enclaveFitsItsNode,
    enclaveCpusAdvertised,
    rootVolumeRoomy,
    noSpotOnMainnet,
    nodeImageDecided,
    nodeHasNoBackDoor,
  ],
  Network: [
    grpcPortNeverExposed,
    metricsPortNeverPublic,
    noIngressFromEverywhere,
    loadBalancersInternal,
    endpointServiceClosed,
    apiServerClosed,
    networkPolicyEnforced,
    regionFitsNetwork,
  ],
  Release: [trustedReleasesReal, tlsNeverOff, imagesPinned, imagesByDigest, chartsPinned],
  "The rest": [
    clusterAuditLog,
    trailComplete,
    clusterSecretsEncrypted,
    volumesEncrypted,
    databaseProtected,
    databasePasswordManaged,
    databaseTls,
    requiredTags,
    irreplaceableProtected,
    noSecretInState,
  ],
};

export const rules: readonly Rule[] = Object.values(rulesByArea).flat();
