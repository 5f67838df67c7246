import { kubectlCommand } from "../kubectl-command.ts";
import { refreshThenUp } from "./sign.ts";

/** What the next command is made of; on the page these are placeholders. */
export interface Place {
  party: string | number;
  /** Whom a line is about, where it names somebody. */
  peer: string | number;
  namespace: string;
  pod: string;
  /** The party's, as Pulumi knows it; null where that is not known. */
  stack: string | null;
}

/** A line that is known, wherever somebody meets it. */
export interface LogSignature {
  /** Lower-case words joined by dashes, unique. */
  id: string;
  /** Group `peer` is the party that a line names: its number, or a name that ends in it. */
  pattern: RegExp;
  meaning: string;
  /** What is the case where nobody says such a line. */
  expected: string;
  /** Code of the cause that it speaks for. */
  cause: string;
  /**
   * When it is over. `start`: once the pod is Ready after it. `link`: it speaks of links, and proves nothing once they are up. `now`: ten
   * minutes later. `never`: it holds as long as the run of the core that said it.
   */
  over: "start" | "link" | "now" | "never";
  /** A later line that ends it. */
  ended?: RegExp;
  /** It has other reasons too, so that alone it makes a cause but possible. */
  vague?: true;
  /** Whose fault it is: who said the line, or the peer that it names. @default "speaker" */
  blames?: "speaker" | "peer";
  next(place: Place): string;
  /** Where it is written. */
  source: string;
}

const kms = (path: string) => `kms: ${path}`;
const kubernetes = "Kubernetes";
const refreshed = ({ party, stack }: Place) => refreshThenUp(party, stack);
const up = ({ party }: Place) => `npx quorate up --party ${party}`;
const kubectl = ({ party, namespace }: Place, words: string) =>
  kubectlCommand(party, `--namespace ${namespace} ${words}`);
const restart = (place: Place) => kubectl(place, `delete pod ${place.pod}`);
const describe = (place: Place) => kubectl(place, `describe pod ${place.pod}`);
const certificates = () => "npx quorate run certificates";
const prssIsThere = /PRSS on epoch ID .{0,200} completed successfully|Successfully converted legacy PRSS Setup/;
const initialise = ({ party }: Place) =>
  `all parties agree on a minute, then each runs kms-init on its own core; party ${party} may not do it alone`;

/** Every signature, from the particular to the general: the first that fits a line is the one that counts. */
export const logSignatures: readonly LogSignature[] = [
  {
    id: "prss-not-set-up",
    pattern:
      /No PRSS setup exists|without PRSS Setup, remember to call the init|failed to read PRSS .{0,200}from file/i,
    meaning: "The core has no PRSS setup, so it can take part in no computation.",
    expected: "a PRSS setup of the core's epoch",
    cause: "PRSS_MISSING",
    over: "never",
    ended: prssIsThere,
    next: initialise,
    source: kms("docs/operations/advanced/common-errors.md"),
  },
  {
    id: "epoch-unknown",
    pattern: /Epoch (?:ID )?\S+ not found/i,
    meaning: "A request is of an epoch that the core has no PRSS of.",
    expected: "requests of an epoch that the core has a PRSS setup of",
    cause: "PRSS_MISSING",
    over: "now",
    ended: prssIsThere,
    next: initialise,
    source: kms("core/service/src/engine/threshold/service/session.rs"),
  },
  {
    id: "prss-failed",
    pattern: /PRSS initialization failed during epoch creation/i,
    meaning: "PRSS was begun and did not end: not all parties took part.",
    expected: "a PRSS setup in which all parties take part",
    cause: "PRSS_MISSING",
    over: "now",
    next: initialise,
    source: kms("core/service/src/engine/threshold/service/epoch_manager.rs"),
  },
  {
    id: "session-unknown",
    pattern: /unknown session id|Too many inactive sessions opened by/i,
    meaning:
      "A peer was there before this party was: it was late, or restarted. If the others ended without it, that request is lost for it.",
    expected: "a party that is there before its peers need it",
    cause: "SESSION_UNKNOWN",
    over: "now",
    next: () => "npx quorate validate, for what makes it late; requests that come later are served",
    source: kms("docs/operations/advanced/common-errors.md, core/threshold-networking/src/grpc/server.rs"),
  },
  {
    id: "rate-limited",
    pattern: /not enough tokens in bucket for \w+|resource_?exhausted/i,
    meaning: "The rate limiter has no tokens left, and turns requests away until running ones end.",
    expected: "tokens that are left",
    cause: "RATE_LIMITED",
    over: "now",
    next: ({ party }) =>
      `compare rateLimiter with the peers', for it has to be the same everywhere; what is under way ends by itself, or a restart ends it: party ${party} asks who sends that much`,
    source: kms("core/service/src/util/rate_limiter.rs"),
  },
  {
    id: "certificate-not-renewed",
    pattern: /Could not (?:renew ephemeral|issue initial) TLS certificate/i,
    meaning: "The enclave gets no new certificate; with the old one, or with none, it makes no new connection.",
    expected: "a certificate within its dates, which the core renews by itself",
    cause: "CERTIFICATE_EXPIRED",
    over: "never",
    ended: /Issued (?:renewed|initial) TLS certificate/,
    next: restart,
    source: kms("core/service/src/cryptography/attestation/mod.rs"),
  },
  {
    id: "attestation-refused",
    pattern: /bundled attestation document validation error for party (?<peer>\S+?):/i,
    meaning: "A peer's attestation document is refused: its release is not trusted here, or the document is too old.",
    expected: "an attestation document that is young, of a release that this party trusts",
    cause: "RELEASE_NOT_TRUSTED",
    over: "link",
    blames: "peer",
    next: ({ peer }) =>
      `npx quorate validate, for the PCR0 that party ${peer} has; then its release, or the manifest, is mended`,
    source: kms("core/threshold-networking/src/tls.rs"),
  },
  {
    id: "attestation-skipped",
    pattern: /Skipping attestation document validation because .*release_pcrs\.is_empty=true/i,
    meaning: "The list of trusted releases is empty, so any enclave is let in.",
    expected: "a list of trusted releases that is not empty",
    cause: "ATTESTATION_SKIPPED",
    over: "never",
    next: up,
    source: kms("core/threshold-networking/src/tls.rs"),
  },
  {
    id: "plaintext",
    pattern: /No TLS identity - using plaintext communication/i,
    meaning: "The core has no TLS, and speaks to its peers in the clear.",
    expected: "a TLS identity, and peers that are spoken to by it alone",
    cause: "TLS_OFF",
    over: "never",
    next: up,
    source: kms("core/service/src/bin/kms-server.rs"),
  },
  {
    id: "no-trust-anchor",
    pattern: /(?<!\S)(?<peer>\S+) is not a trust anchor/i,
    meaning: "Somebody came by whose CA certificate the core does not have under that name.",
    expected: "the CA certificate of whoever comes by, under the name that its certificate has",
    cause: "CA_CERTIFICATE_MISSING",
    over: "link",
    next: certificates,
    source: kms("core/threshold-networking/src/tls.rs"),
  },
  {
    id: "certificate-of-another-name",
    pattern:
      /subject CN (?:\(or subject CN suffix\) )?does not match issuer CN|subject CN not found in SAN|wrong sender: expected|Invalid CA certificate identity/i,
    meaning: "A certificate is of another name than the party that shows it.",
    expected: "a certificate in the name of the party that shows it",
    cause: "CA_CERTIFICATE_NAME_WRONG",
    over: "link",
    blames: "peer",
    next: certificates,
    source: kms("core/threshold-networking/src/tls.rs, core/threshold-networking/src/grpc/server.rs"),
  },
  {
    id: "certificate-refused",
    pattern: /(?:server|client) verifier validation error: /i,
    meaning: "A peer's certificate does not verify: another CA, another name, or outside its dates.",
    expected: "a certificate of the peer's own CA, in its name and within its dates",
    cause: "CERTIFICATE_WRONG",
    over: "link",
    vague: true,
    blames: "peer",
    next: certificates,
    source: kms("core/threshold-networking/src/tls.rs"),
  },
  {
    id: "no-copy-of-peer",
    pattern: /No CA cert(?:ificate)? (?:found for party|present for peer) (?<peer>\d+)/i,
    meaning: "The own public vault lacks a peer's CA certificate; the core does not start without.",
    expected: "a copy of each peer's CA certificate in the own public vault",
    cause: "CA_COPY_MISSING",
    over: "start",
    next: ({ party }) => `npx quorate cards sync, then: npx quorate up --party ${party}`,
    source: kms("charts/kms-core/templates/_helpers.tpl, core/service/src/bin/kms-server.rs"),
  },
  {
    id: "clock",
    pattern:
      /RequestTimeTooSkewed|Signature (?:not yet current|expired)|NotValidYet|certificate is not currently valid|(?:token|certificate) (?:used before issued|not yet valid)/i,
    meaning: "A time is not as AWS or a peer has it: a clock is wrong.",
    expected: "a clock that is right to a few seconds",
    cause: "CLOCK_SKEW",
    over: "now",
    vague: true,
    next: (place) => `look at the clock of its enclave node (chronyc tracking), then: ${restart(place)}`,
    source: "AWS: error codes of S3 and STS; kms: core/service/src/cryptography/attestation/mod.rs",
  },
  {
    id: "role-not-assumed",
    pattern:
      /AssumeRoleWithWebIdentity|InvalidIdentityToken|ExpiredTokenException|cannot receive web identity token|failed to load (?:credentials|token)|WebIdentityErr|no providers in chain provided credentials/i,
    meaning: "AWS does not give the core its role for the token of its service account.",
    expected: "a role that trusts the token of the core's service account",
    cause: "ROLE_NOT_ASSUMED",
    over: "start",
    next: (place) =>
      `compare the trust of the core's role with its service account: ${kubectl(place, "get serviceaccounts --output yaml")}; then: ${refreshed(place)}`,
    source: kms("docker/core/service/init_enclave.sh; AWS: STS AssumeRoleWithWebIdentity"),
  },
  {
    id: "data-key-refused",
    pattern: /Could not (?:decrypt|generate) data key/i,
    meaning:
      "The party's KMS key does not unseal for this enclave: its PCR0 is not in the key's policy, or the role is not.",
    expected: "a key policy with the PCR0 of the enclave that runs, and a role that may use the key",
    cause: "PCR_NOT_IN_KEY_POLICY",
    over: "start",
    next: refreshed,
    source: kms("core/service/src/vault/keychain/awskms.rs"),
  },
  {
    id: "not-attested",
    pattern:
      /Could not attest enclave public key|Nitro enclave (?:attestation request|entropy generation request) failed/i,
    meaning: "The enclave's security module gives it no attestation document.",
    expected: "an attestation document from the enclave's own security module",
    cause: "ENCLAVE_NOT_ATTESTED",
    over: "start",
    next: restart,
    source: kms("core/service/src/cryptography/attestation/nitro.rs"),
  },
  {
    id: "public-material",
    pattern:
      /missing or unreadable public material|(?:Server key|Public key|Compressed xof keyset|CRS) digest mismatch|Verification (?:key|address) in public storage does not match/i,
    meaning: "What the public vault holds is not what the private vault says it should be.",
    expected: "public material whose digests are those that the private vault holds",
    cause: "PUBLIC_MATERIAL_WRONG",
    over: "start",
    next: ({ party }) =>
      `npx quorate outputs --party ${party}, and compare bucket and prefix; what is missing comes from a backup or from another party, with Zama's help`,
    source: kms("docs/operations/advanced/troubleshooting.md"),
  },
  {
    id: "vault-refused",
    pattern: /is not authorized to perform: s3:\w+/i,
    meaning: "S3 refuses the core's role: the role's policy does not let it in, or the vault's policy keeps it out.",
    expected: "policies of vault and role that let the core's role in",
    cause: "VAULT_DENIED",
    over: "start",
    next: refreshed,
    source: "AWS: S3 AccessDenied",
  },
  {
    id: "vault-denied",
    pattern:
      /Could not (?:initialize (?:public|private|backup) storage|private storage)|AWS error, please refer to other logs|\bAccessDenied\b/i,
    meaning: "A vault does not let the core's role in.",
    expected: "a vault that lets the core's role in",
    cause: "VAULT_DENIED",
    over: "start",
    vague: true,
    next: refreshed,
    source: kms("core/service/src/vault/storage/s3.rs, core/service/src/bin/kms-server.rs"),
  },
  {
    id: "recovery-mode",
    pattern: /SIGNING KEY NOT AVAILABLE, ENTERING RECOVERY MODE/i,
    meaning: "The core found no signing key in its private vault, and serves nothing but a recovery.",
    expected: "the core's signing key in its private vault",
    cause: "SIGNING_KEY_MISSING",
    over: "never",
    next: ({ party }) =>
      `do not restart it, and do not make keys anew: party ${party} restores its private vault from the backup`,
    source: kms("core/service/src/bin/kms-server.rs"),
  },
  {
    id: "migration-map",
    pattern: /Migration config (?:must be provided|does not cover|references)|Could not complete migration/i,
    meaning: "Before its first boot of 0.15 the core has to be told which stored epochs are of which context.",
    expected: "migration.contextAssociations with each stored epoch",
    cause: "MIGRATION_MAP_MISSING",
    over: "start",
    next: () => "all parties agree on migration.contextAssociations, and write it into their values",
    source: kms("core/service/src/engine/migration.rs"),
  },
  {
    id: "configuration-refused",
    pattern:
      /failed to load kms-server config file|TOML parse error|unknown field \S|did not receive KMS config|cannot receive KMS config|not present in config|Could not bind to /i,
    meaning: "The core does not take its configuration, or never got it.",
    expected: "a configuration that this version of the core knows, and gets",
    cause: "CONFIGURATION_REFUSED",
    over: "start",
    next: up,
    source: kms("core/service/src/bin/kms-server.rs, docker/core/service/init_enclave.sh"),
  },
  {
    id: "tunnel-down",
    pattern:
      /tunnel interface \S+ did not come up|cannot setup tunnel interface|enclave-network-tunnel: (?:cannot|POD_IP)/i,
    meaning: "The enclave's network tunnel is not there, so it reaches nobody.",
    expected: "a tunnel interface that is up before the core starts",
    cause: "ENCLAVE_TUNNEL_DOWN",
    over: "start",
    next: describe,
    source: kms("charts/kms-core/templates/_helpers.tpl, docker/core/service/init_enclave.sh"),
  },
  {
    id: "enclave-too-large",
    pattern: /Insufficient (?:CPUs|memory) (?:available|requested)|\[ E2[267] \]/i,
    meaning: "The node's allocator has set aside less than the enclave asks for.",
    expected: "an allocator that sets aside the CPUs and memory that the enclave asks for",
    cause: "NODE_TOO_SMALL",
    over: "start",
    next: (place) =>
      `allocatorCpuCount and allocatorMemoryMib of quorate:enclaveNodes in the stack file, then: ${up(place)}; nodes have to start anew`,
    source: "aws-nitro-enclaves-cli",
  },
  {
    id: "enclave-not-started",
    pattern: /\[ E\d+ \]|nitro-cli.{0,200}(?:fail|error)|neither kms-gen-keys nor kms-server completed|^\[\]$/i,
    meaning: "The enclave was not started, or ended: nitro-cli says so, or lists none.",
    expected: "an enclave that runs, as nitro-cli lists it",
    cause: "ENCLAVE_STOPPED",
    over: "start",
    ended: /"State": "RUNNING"|Started enclave with .{0,200}cpu-ids/,
    next: restart,
    source: kms(
      "docker/core/service/init_enclave.sh, charts/kms-core/templates/kms-core-statefulset.yaml; aws-nitro-enclaves-cli",
    ),
  },
  {
    id: "out-of-memory",
    pattern: /OOMKilled|out of memory|exited with code 137/i,
    meaning: "A container was killed for want of memory.",
    expected: "containers within their memory",
    cause: "POD_OUT_OF_MEMORY",
    over: "start",
    next: () =>
      "of the enclave itself that is enclave.memoryGib of the manifest, and huge pages; of others their limits",
    source: kms("docs/operations/advanced/common-errors.md"),
  },
  {
    id: "image",
    pattern: /ErrImagePull|ImagePullBackOff|Failed to pull image/i,
    meaning: "The image of a container can not be had: its registry, its credentials, its name.",
    expected: "an image that the node can pull",
    cause: "IMAGE_NOT_PULLED",
    over: "start",
    next: (place) => `${describe(place)}; credentials are in Secret registry-credentials`,
    source: kubernetes,
  },
  {
    id: "config-map",
    pattern: /configmap "?[\w.-]+"? not found|couldn't find key .{0,260} in ConfigMap/i,
    meaning: "The pod waits for a ConfigMap that is not there.",
    expected: "each ConfigMap that the pod names",
    cause: "CONFIG_MAP_MISSING",
    over: "start",
    next: ({ party }) => `npx quorate run cluster-check --parties ${party}`,
    source: kubernetes,
  },
  {
    id: "no-room",
    pattern: /Insufficient (?:hugepages-1Gi|aws\.ec2\.nitro\/nitro_enclaves(?:_cpus)?)/i,
    meaning: "No node offers the enclaves, enclave CPUs or huge pages that the pod asks for.",
    expected: "a node that offers an enclave, its CPUs and its huge pages",
    cause: "NODE_TOO_SMALL",
    over: "start",
    next: ({ party }) => `npx quorate run cluster-check --parties ${party}`,
    source: kubernetes,
  },
  {
    id: "crash-loop",
    pattern: /CrashLoopBackOff|Back-off restarting failed container/i,
    meaning: "A container ends again and again.",
    expected: "containers that go on running",
    cause: "POD_CRASHES",
    over: "start",
    next: (place) => kubectl(place, `logs ${place.pod} --all-containers --previous --tail 100`),
    source: kubernetes,
  },
];

/** The first signature that fits a line, whom the line names, and where in the line it fits. */
export function signatureOf(line: string): { signature: LogSignature; peer: number | null; index: number } | null {
  for (const signature of logSignatures) {
    const found = signature.pattern.exec(line);
    if (found === null) continue;
    const [, id] = /(\d+)\D*$/.exec(found.groups?.peer ?? "") ?? [];
    return { signature, peer: id === undefined ? null : Number(id), index: found.index };
  }
  return null;
}
