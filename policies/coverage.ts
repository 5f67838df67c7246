/** What an upstream fact became: the rules that hold it, or why no rule can. */
export interface Covered {
  fact: string;
  /** Ids of rules. */
  rules: readonly string[];
  /** What else holds it, or why nothing has to. */
  note?: string;
}

/** Each statement, setting and defect of the upstream modules that a party's stack takes over, better or not at all. */
export const coverage: Readonly<Record<string, readonly Covered[]>> = {
  "Policy statements of terraform-mpc-modules": [
    { fact: "public bucket: PublicRead, ZamaList", rules: ["public-vault-read-only", "vault-never-public"] },
    { fact: "party role: s3:*Object and s3:ListBucket on its vaults", rules: ["no-wildcard-actions"] },
    {
      fact: "party role: key of the backup, key of another account",
      rules: ["no-wildcard-actions"],
      note: "such a key's own stack holds `key-needs-attestation`",
    },
    {
      fact: "party key: Decrypt and GenerateDataKey by kms:RecipientAttestation:ImageSha384",
      rules: ["key-needs-attestation", "key-follows-releases"],
    },
    {
      fact: "party key: root administers, kms:Put* included",
      rules: ["key-root-never-decrypts", "key-administrators-said", "key-never-lost"],
    },
    {
      fact: "tx-sender and pauser key: Sign for one role, root administers",
      rules: ["no-wildcard-principals", "key-never-lost"],
      note: "nothing to attest: they sign and do not decrypt",
    },
    { fact: "backup key: the party's role, by PCR0", rules: ["key-needs-attestation", "key-root-never-decrypts"] },
    {
      fact: "backup bucket: get, put and list from the other account, no delete",
      rules: ["vault-grants-no-delete", "irreplaceable-protected"],
    },
    { fact: "backup and replication roles", rules: ["no-wildcard-actions", "no-wildcard-principals"] },
    { fact: "trust of a role: subject only", rules: ["irsa-subject-exact"] },
  ],
  "Nodes of terraform-mpc-modules": [
    {
      fact: "private subnets; size 1/1/1; c7a.16xlarge",
      rules: [],
      note: "`EnclaveNodegroup` and `PartyCluster` refuse other subnets and sizes",
    },
    { fact: "on demand", rules: ["no-spot-on-mainnet"] },
    { fact: "AMI release, or an image of one's own", rules: ["node-image-decided"] },
    { fact: "root volume, dropped by the launch template", rules: ["root-volume-roomy"] },
    { fact: "enclave option; IMDSv2 with hop limit 2", rules: ["enclave-nodes-enclosed", "imds-needs-token"] },
    { fact: "instance role, Session Manager", rules: ["node-has-no-back-door", "no-wildcard-actions"] },
    { fact: "label and taint", rules: ["enclave-nodes-enclosed"] },
    {
      fact: "security groups",
      rules: ["grpc-port-never-exposed", "metrics-port-never-public", "no-ingress-from-everywhere"],
    },
    { fact: "allocator: CPUs and memory set aside", rules: ["enclave-fits-its-node"] },
    {
      fact: "device plugin: ENCLAVE_CPU_ADVERTISEMENT, its image",
      rules: ["enclave-cpus-advertised", "images-pinned", "images-by-digest"],
    },
  ],
  "Defects of terraform-mpc-modules": [
    { fact: "testnet and mainnet differ by region and tag", rules: ["region-fits-network", "required-tags"] },
    { fact: "an example's image id turns the release version off", rules: ["node-image-decided"] },
    {
      fact: "create_irsa does nothing; README drift; consumer's mode 2 and DNS output",
      rules: [],
      note: "no such switch, page or output here: pages are printed from the contract",
    },
    {
      fact: "circular input between party and backup",
      rules: [],
      note: "role names are derived; nothing to hold in a graph",
    },
    { fact: "one PCR0 for a key", rules: ["key-follows-releases"] },
    { fact: "force_destroy on both vaults", rules: ["vault-never-emptied", "irreplaceable-protected"] },
    {
      fact: "no encryption, lifecycle or TLS-only statement on the vaults",
      rules: [
        "vault-encrypted",
        "vault-lifecycle",
        "vault-tls-only",
        "vault-keeps-versions",
        "vault-one-owner",
        "no-acls",
      ],
    },
    {
      fact: "no record of who used vaults and keys",
      rules: ["vault-access-audited", "trail-complete", "cluster-audit-log"],
    },
    {
      fact: "endpoint consumer: 0.0.0.0/0; provider: nobody named",
      rules: ["no-ingress-from-everywhere", "endpoint-service-closed", "load-balancers-internal"],
    },
    {
      fact: "database: deletion protection off, TLS off",
      rules: ["database-protected", "database-password-managed", "database-tls"],
    },
  ],
  "What operators of enclaves and committees ask of a checker": [
    {
      fact: "attestation on every Allow that decrypts; no all-zero PCR",
      rules: ["key-needs-attestation", "trusted-releases-real"],
    },
    {
      fact: "measurements, trusted releases and image of one release",
      rules: ["key-follows-releases"],
      note: "image and measurements stand in one entry of the manifest",
    },
    { fact: "deletion window of 30 days", rules: ["key-never-lost"] },
    {
      fact: "huge pages and CPUs for the enclave; one core on a node",
      rules: ["enclave-fits-its-node", "enclave-nodes-enclosed"],
    },
    {
      fact: "50100 in no load balancer; 9646 to nobody in public",
      rules: ["grpc-port-never-exposed", "metrics-port-never-public"],
    },
    { fact: "no latest; charts and images pinned", rules: ["images-pinned", "images-by-digest", "charts-pinned"] },
    { fact: "TLS never off", rules: ["tls-never-off"] },
    {
      fact: "secrets encrypted, volumes encrypted, none in state",
      rules: ["cluster-secrets-encrypted", "volumes-encrypted", "no-secret-in-state"],
    },
    {
      fact: "who may talk to a core is enforced",
      rules: ["network-policy-enforced"],
    },
    { fact: "an API server that is closed", rules: ["api-server-closed"] },
    {
      fact: "n = 3t + 1, ids contiguous, identities unique, peers' tables equal",
      rules: [],
      note: "the manifest's contract: refused before there is a graph",
    },
    {
      fact: "certificates beyond the context; NATS sync, chain codes",
      rules: [],
      note: "not of AWS or Kubernetes: `npx quorate validate` and the nodes' own configuration",
    },
  ],
};
