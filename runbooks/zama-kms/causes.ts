import type { DoctorSource as Source } from "../../contract/doctor-report.ts";

/** The branches of the tree, in the order in which it is walked: a fault of one shows in those after it, never in those before. */
export const branches = [
  "cluster",
  "configuration",
  "pod",
  "enclave",
  "identity",
  "certificates",
  "release",
  "core",
  "peer network",
  "links",
  "protocol",
  "beside",
] as const;
export type Branch = (typeof branches)[number];

/** One leaf of the tree. */
export interface CauseRow {
  code: string;
  branch: Branch;
  /** What is the case, in one sentence, for the page. */
  means: string;
  /** What shows it; one of these is enough. */
  needs: readonly Source[];
  /** Whose it is: all of a party, or one link of it, which has a direction. */
  whose: "party" | "link";
  /** Codes that it brings along at the same party, or on the same link: they are its evidence then, and no causes of their own. */
  explains: readonly string[];
  /** Words by which people tell of it. */
  words?: RegExp;
  /** Of one link, and yet nothing of the party runs while it is so. */
  stops?: boolean;
  /** Over already: it is a cause only of what it explains, and none by itself. */
  past?: boolean;
}

/** What a pod that does not run looks like from its own cluster. */
const podStates = [
  "POD_MISSING",
  "POD_PENDING",
  "POD_CRASHES",
  "POD_NOT_READY",
  "CORE_NOT_READY",
  "POD_RESTARTED",
  "ENCLAVE_LOGGER_STOPPED",
  "WARNINGS",
] as const;

/** What links look like that lead to nobody, or come from somebody whom nobody accepts. */
const brokenLinks = [
  "PARTY_UNREACHABLE",
  "OUTBOUND_BLOCKED",
  "LINK_DOWN",
  "NOT_ACCEPTED",
  "ACCEPTS_NOBODY",
  "NOT_ANSWERED",
  "ANSWERS_NOBODY",
  "CONTRADICTED",
  "CORE_SILENT",
  "SESSION_UNKNOWN",
  "LINK_SLOW",
] as const;

const noCore = ["PARTY_DOWN", "PARTY_HUNG", ...podStates, ...brokenLinks] as const;
/** Of a core that does not come up nobody can see who it is. */
const noStart = [
  "CONFIGURATION_REFUSED",
  "ENCLAVE_STOPPED",
  ...noCore,
  "CERTIFICATE_EXPIRED",
  "CERTIFICATE_WRONG",
] as const;
const noNode = ["NODE_TOO_SMALL", "DEVICE_PLUGIN_NOWHERE", "DEVICE_PLUGIN_NOT_READY", ...noStart] as const;
const wrongIdentity = ["CERTIFICATE_WRONG", "CA_CERTIFICATE_MISSING", ...noStart] as const;

const row = (
  branch: Branch,
  code: string,
  needs: readonly Source[],
  means: string,
  explains: readonly string[] = [],
  more: Partial<Pick<CauseRow, "whose" | "words" | "stops" | "past">> = {},
): CauseRow => ({ code, branch, means, needs, whose: "party", explains, ...more });

/**
 * The tree, in the order in which it is walked. A cause explains what stands after it and never what stands before it, so
 * that nothing explains itself in a circle.
 */
export const causes: readonly CauseRow[] = [
  row("cluster", "NAMESPACE_NOT_ACTIVE", ["cluster"], "The party's namespace is gone, or going.", [
    "CONFIG_MAP_MISSING",
    "VOLUME_NOT_BOUND",
    "STATEFUL_SET_MISSING",
    ...noStart,
  ]),
  row("cluster", "NODE_MISSING", ["cluster"], "The cluster has no node.", noNode),
  row("cluster", "NODE_NOT_READY", ["cluster"], "The node that enclaves run on is not Ready.", noNode, {
    words: /\bnode\b.*\b(down|lost|not ready|notready)\b|\bNotReady\b|node-down/i,
  }),
  row("cluster", "NODE_LABEL_MISSING", ["cluster"], "No node has the label of enclave nodes.", noNode),
  row("cluster", "NODE_CORDONED", ["cluster"], "Every enclave node takes no pod.", noStart, { words: /cordon/i }),
  row(
    "cluster",
    "DEVICE_PLUGIN_MISSING",
    ["cluster"],
    "Nobody offers enclaves to Kubernetes: the device plugin is not there.",
    noNode,
    {
      words: /device.?plugin/i,
    },
  ),
  row(
    "cluster",
    "DEVICE_PLUGIN_NOWHERE",
    ["cluster"],
    "The device plugin is there, and no node is one for it.",
    noNode,
  ),
  row(
    "cluster",
    "DEVICE_PLUGIN_NOT_READY",
    ["cluster"],
    "The device plugin does not run on each enclave node.",
    noNode,
  ),
  row(
    "cluster",
    "NODE_TOO_SMALL",
    ["cluster", "logs"],
    "The node offers fewer enclave CPUs or huge pages than the core asks for: its allocator sets too little aside.",
    noStart,
    { words: /allocator|huge.?pages|nitro_enclaves_cpus|insufficient (cpu|memory|aws|hugepages)/i },
  ),
  row(
    "configuration",
    "CORE_WITHHELD",
    ["cluster", "links"],
    "The stack releases no core: it is withheld, or waits for something.",
    ["STATEFUL_SET_MISSING", ...noStart],
  ),
  row(
    "configuration",
    "CONFIG_MAP_MISSING",
    ["cluster"],
    "A ConfigMap is gone without which the pod does not start.",
    noStart,
    {
      words: /config.?map/i,
    },
  ),
  row("configuration", "VOLUME_NOT_BOUND", ["cluster"], "A claim has no volume.", noStart, {
    words: /\bpvcs?\b|volume/i,
  }),
  row("configuration", "STATEFUL_SET_MISSING", ["cluster"], "The core's StatefulSet is gone.", noStart),
  row("configuration", "CORE_SCALED_DOWN", ["cluster"], "The core is scaled to 0.", noStart, { words: /scaled?\b/i }),
  row(
    "configuration",
    "CORE_TOO_MANY",
    ["cluster"],
    "More than one core is wanted: the second would be another party.",
    ["CORE_NOT_READY", "WARNINGS"],
  ),
  row("pod", "IMAGE_NOT_PULLED", ["cluster"], "The image of a container can not be had.", noStart, {
    words: /image.?pull|pull(ed|ing)? (the )?image/i,
  }),
  row("pod", "POD_OUT_OF_MEMORY", ["cluster"], "A container was killed for want of memory.", noStart, {
    words: /oom|out of memory|\b137\b/i,
  }),
  row("enclave", "ENCLAVE_MISSING", ["cluster"], "The core runs outside an enclave.", [
    "ENCLAVE_DEVICE_MISSING",
    "ENCLAVE_LOGGER_MISSING",
  ]),
  row("enclave", "ENCLAVE_DEVICE_MISSING", ["cluster"], "The pod does not mount the enclave device.", noStart, {
    words: /nitro_enclaves\b|enclave device/i,
  }),
  row("enclave", "ENCLAVE_TUNNEL_DOWN", ["logs"], "The enclave's network tunnel does not come up.", noStart),
  row(
    "identity",
    "CLOCK_SKEW",
    ["links", "logs", "http"],
    "The party's clock is wrong: certificates and requests are of another time.",
    ["ROLE_NOT_ASSUMED", "VAULT_DENIED", "RELEASE_NOT_TRUSTED", "CA_CERTIFICATE_EXPIRED", ...noStart],
    { words: /clock|skew|not (yet )?valid/i },
  ),
  row(
    "identity",
    "ROLE_NOT_ASSUMED",
    ["logs", "cloud"],
    "AWS does not take the core's service account token for its role.",
    ["VAULT_DENIED", "PCR_NOT_IN_KEY_POLICY", "ENCLAVE_STOPPED", ...noStart],
    { words: /irsa|token|assume.?role|web.?identity|sts\b/i },
  ),
  row(
    "identity",
    "VAULT_DENIED",
    ["logs", "cloud"],
    "The core's role may not read or write a vault.",
    ["ENCLAVE_STOPPED", "PUBLIC_MATERIAL_WRONG", "SIGNING_KEY_MISSING", ...noStart],
    { words: /vault|bucket|\bs3\b|access.?denied/i },
  ),
  row(
    "identity",
    "PCR_NOT_IN_KEY_POLICY",
    ["logs", "cloud"],
    "The party's own KMS key does not let the enclave in: its PCR0 is not in the key's policy, so the core can not unseal.",
    ["ENCLAVE_STOPPED", "SIGNING_KEY_MISSING", ...noStart],
    { words: /pcr|unseal|key policy|data key/i },
  ),
  row("enclave", "ENCLAVE_NOT_ATTESTED", ["logs"], "The enclave gets no attestation document of its machine.", [
    "CERTIFICATE_EXPIRED",
    "ENCLAVE_STOPPED",
    ...noStart,
  ]),
  row(
    "identity",
    "MIGRATION_MAP_MISSING",
    ["logs"],
    "Before its first boot of 0.15 the core wants to know which epochs are whose.",
    noStart,
  ),
  row("identity", "SIGNING_KEY_MISSING", ["logs"], "The core has no signing key, and waits for a recovery.", noStart, {
    words: /signing key|recovery mode/i,
  }),
  row(
    "identity",
    "PUBLIC_MATERIAL_WRONG",
    ["logs"],
    "What the public vault holds does not fit the private one, so the core does not serve.",
    noStart,
    {
      words: /digest mismatch|public material/i,
    },
  ),
  row(
    "certificates",
    "CA_CERTIFICATE_NOT_PUBLISHED",
    ["certificates", "links"],
    "The party has published no CA certificate.",
    ["CA_COPY_MISSING", ...wrongIdentity],
  ),
  row(
    "certificates",
    "CA_CERTIFICATE_UNREADABLE",
    ["certificates"],
    "What the party published is not one CA certificate.",
    wrongIdentity,
  ),
  row(
    "certificates",
    "CA_CERTIFICATE_NAME_WRONG",
    ["certificates", "logs"],
    "The party's CA certificate is of another name than the one its peers know it by.",
    ["CA_CERTIFICATE_ROTATED", ...wrongIdentity],
    { words: /\bcn\b|common name|mpc.?identity|subject/i },
  ),
  row(
    "certificates",
    "CA_CERTIFICATE_NO_AUTHORITY",
    ["certificates"],
    "The party's CA certificate may not sign.",
    wrongIdentity,
  ),
  row(
    "certificates",
    "CA_CERTIFICATE_KEY_WRONG",
    ["certificates"],
    "The party's CA certificate is not of its signing key.",
    wrongIdentity,
  ),
  row(
    "certificates",
    "CA_CERTIFICATE_EXPIRED",
    ["certificates"],
    "The party's CA certificate is outside its dates.",
    wrongIdentity,
  ),
  row(
    "certificates",
    "CA_CERTIFICATE_ROTATED",
    ["certificates"],
    "The party has a new CA certificate, and its peers have the old one.",
    ["CA_COPY_DIFFERS", ...wrongIdentity],
  ),
  row(
    "certificates",
    "CA_COPY_MISSING",
    ["certificates", "logs"],
    "The party's vault lacks the copy of a peer's CA certificate; a core does not start without.",
    ["CA_CERTIFICATE_MISSING", ...noStart],
    {
      whose: "link",
      stops: true,
      words: /\b(lost|no|lacks?|missing)\b.*\b(ca|certificates?)\b|\b(ca|certificates?)\b.*\bmissing\b/i,
    },
  ),
  row(
    "certificates",
    "CA_COPY_UNREADABLE",
    ["certificates"],
    "The party's copy of a peer's CA certificate is none.",
    ["CA_CERTIFICATE_MISSING", ...noStart],
    { whose: "link", stops: true },
  ),
  row(
    "certificates",
    "CA_COPY_DIFFERS",
    ["certificates"],
    "The party's copy of a peer's CA certificate is another than the peer's.",
    ["CERTIFICATE_WRONG", ...brokenLinks],
    { whose: "link" },
  ),
  row("release", "MANIFEST_DIFFERS", ["links"], "The party was built from another manifest.", ["RELEASE_LIST_STALE"]),
  row(
    "release",
    "RELEASE_NOT_TRUSTED",
    ["links", "logs"],
    "The party's enclave is none of the trusted releases, so its peers refuse it.",
    ["RELEASE_LIST_STALE", ...noStart],
    { words: /pcr|release|attestation|measurement/i },
  ),
  row(
    "release",
    "RELEASE_LIST_STALE",
    ["links"],
    "The party does not trust a release that the manifest does.",
    brokenLinks,
  ),
  row("release", "ATTESTATION_SKIPPED", ["logs"], "The core trusts any enclave: its list of releases is empty."),
  row(
    "certificates",
    "CERTIFICATE_EXPIRED",
    ["links", "logs"],
    "The party's certificate ran out and was not renewed.",
    ["CERTIFICATE_WRONG", ...noCore],
    { words: /expired?|renew/i },
  ),
  row(
    "certificates",
    "CERTIFICATE_WRONG",
    ["links", "logs"],
    "The party's certificate is not of its CA, or not of its name.",
    noCore,
  ),
  row(
    "certificates",
    "CA_CERTIFICATE_MISSING",
    ["links", "logs"],
    "The party can not verify a peer: it has no CA certificate of it.",
    brokenLinks,
    {
      whose: "link",
    },
  ),
  row(
    "core",
    "CONFIGURATION_REFUSED",
    ["logs"],
    "The core does not take its configuration.",
    ["ENCLAVE_STOPPED", ...noCore],
    {
      words: /configuration|config(ure)? (error|refused|invalid)|toml/i,
    },
  ),
  row("core", "ENCLAVE_STOPPED", ["logs", "cluster"], "The pod runs, and the enclave in it does not.", noCore, {
    words: /enclave.*(not|never|stopp)|nitro-cli/i,
  }),
  row("core", "POD_MISSING", ["cluster"], "The StatefulSet makes no pod.", noCore),
  row("core", "POD_PENDING", ["cluster"], "The pod finds no place, or its containers are not made.", noCore, {
    words: /pending|unschedulable/i,
  }),
  row("core", "POD_CRASHES", ["cluster"], "A container ends again and again.", noCore, { words: /crash/i }),
  row("core", "HEALTH_OF_ANOTHER_PARTY", ["links"], "The core that answers is another party's.", brokenLinks),
  row("core", "PARTY_DOWN", ["links"], "No core answers.", [...podStates, ...brokenLinks], {
    words: /(does not|doesn.t|no) answer|is down|unreachable|connection refused/i,
  }),
  row(
    "core",
    "PARTY_HUNG",
    ["links"],
    "The core accepts connections and says nothing.",
    [...podStates, ...brokenLinks],
    { words: /hang|hung|frozen|stuck|(does not|doesn.t|no) answer/i },
  ),
  row("core", "POD_NOT_READY", ["cluster"], "The pod is not Ready.", [
    "CORE_NOT_READY",
    "ENCLAVE_LOGGER_STOPPED",
    "WARNINGS",
    ...brokenLinks,
  ]),
  row("core", "CORE_NOT_READY", ["cluster"], "The StatefulSet has no pod that is Ready.", ["WARNINGS"]),
  row(
    "core",
    "POD_RESTARTED",
    ["cluster"],
    "A container restarted in the last ten minutes.",
    ["WARNINGS", "SESSION_UNKNOWN"],
    {
      past: true,
      words: /restart/i,
    },
  ),
  row(
    "peer network",
    "ENDPOINT_MISSING",
    ["cloud"],
    "The party has no endpoint to the peer's service.",
    ["PEER_NAME_MISSING", ...brokenLinks],
    {
      whose: "link",
    },
  ),
  row(
    "peer network",
    "ENDPOINT_PENDING",
    ["cloud"],
    "The party's endpoint to a peer waits for that peer to accept it.",
    ["PEER_NAME_MISSING", ...brokenLinks],
    { whose: "link", words: /pending accept|endpoint|accept(ed|ance)/i },
  ),
  row(
    "peer network",
    "ENDPOINT_REFUSED",
    ["cloud"],
    "The party's endpoint to a peer was rejected, or is failed or deleted.",
    ["PEER_NAME_MISSING", ...brokenLinks],
    { whose: "link" },
  ),
  row(
    "peer network",
    "PEER_NAME_MISSING",
    ["links"],
    "A peer's name does not resolve in the party's cluster.",
    brokenLinks,
    {
      whose: "link",
      words: /dns|resolve|no such host|nxdomain|name not found/i,
    },
  ),
  row(
    "peer network",
    "SECURITY_GROUP_CLOSED",
    ["cloud"],
    "A security group of the party does not let a link through.",
    ["PARTY_DOWN", "PARTY_UNREACHABLE", ...brokenLinks],
    { whose: "link", words: /security.?group|firewall/i },
  ),
  row("links", "PARTY_UNREACHABLE", ["links"], "Nobody gets in, though the party's own core may answer.", brokenLinks),
  row("links", "OUTBOUND_BLOCKED", ["links"], "Nothing gets out of the party.", [
    "LINK_DOWN",
    "NOT_ACCEPTED",
    "NOT_ANSWERED",
    "SESSION_UNKNOWN",
  ]),
  row(
    "links",
    "LINK_DOWN",
    ["links"],
    "One link is down in one direction, or in both.",
    ["NOT_ACCEPTED", "NOT_ANSWERED", "SESSION_UNKNOWN"],
    {
      whose: "link",
      words: /(can ?not|can.t|does not) reach|time(d)? ?out|reset|link/i,
    },
  ),
  row("links", "NOT_ACCEPTED", ["links"], "The path is open, and the peer does not accept the core.", [
    "SESSION_UNKNOWN",
  ]),
  row("links", "ACCEPTS_NOBODY", ["links"], "Paths to the party are open, and no peer's core gets through.", [
    "SESSION_UNKNOWN",
  ]),
  row(
    "links",
    "NOT_ANSWERED",
    ["links"],
    "The path is open, and the core gets no answer in time: of that peer, or of any. It may be busy, and says nothing of certificates.",
    ["SESSION_UNKNOWN"],
  ),
  row(
    "links",
    "ANSWERS_NOBODY",
    ["links"],
    "Paths to the party are open, and its core answers no peer's in time: it may be busy.",
    ["SESSION_UNKNOWN"],
  ),
  row("links", "CORE_SILENT", ["links"], "The core gives no health answer; its peers may still reach it."),
  row("links", "CONTRADICTED", ["links"], "Peers say that the party is there, its own cluster says that it is not."),
  row(
    "links",
    "LINK_SLOW",
    ["links"],
    "One link is far slower than its way back and than the others.",
    ["SESSION_UNKNOWN"],
    {
      whose: "link",
      words: /slow|latency|late\b/i,
    },
  ),
  row(
    "protocol",
    "PRSS_MISSING",
    ["logs", "http"],
    "The party has no PRSS setup: it can take part in nothing.",
    ["SESSION_UNKNOWN"],
    {
      words: /prss|decryption (hangs|fails)|epoch/i,
    },
  ),
  row("protocol", "RATE_LIMITED", ["logs", "http"], "The core turns requests away: its rate limiter is used up.", [], {
    words: /rate.?limit|resource.?exhausted|too many requests|decryption (hangs|fails)/i,
  }),
  row(
    "protocol",
    "SESSION_UNKNOWN",
    ["logs"],
    "The party was late for a session of its peers; that request is lost for it.",
    [],
    {
      words: /session|decryption (hangs|fails)/i,
    },
  ),
  row("protocol", "TLS_OFF", ["logs"], "The core speaks to its peers in the clear."),
  row(
    "beside",
    "CONFIG_NOT_APPLIED",
    ["cluster"],
    "The pod runs with an older configuration than its StatefulSet has.",
    [],
    {
      words: /config(uration)? (is )?(old|not applied)/i,
    },
  ),
  row("beside", "ENCLAVE_LOGGER_MISSING", ["cluster"], "Nobody hears what the enclave says."),
  row("beside", "ENCLAVE_LOGGER_STOPPED", ["cluster"], "What the enclave says is not passed on."),
  row("beside", "PROBE_MISSING", ["cluster"], "The core's pod lacks a probe."),
  row("beside", "NODE_TAINT_MISSING", ["cluster"], "Anything may take the room of the enclave."),
  row("beside", "WARNINGS", ["cluster"], "Kubernetes warns of the core, and nothing above says why."),
];
