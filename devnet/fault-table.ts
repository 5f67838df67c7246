/** What one fault of a devnet looks like from outside, in a network of four with nothing else wrong. */
export interface FaultRow {
  /** As typed after `npx quorate devnet fault`. */
  fault: string;
  /** What happens then. */
  happens: string;
  /** The row and column of `validate`'s matrix, which links are not up: `2→3`, `→3` for all into 3, `3→` for all out of it. */
  matrix: {
    down: readonly string[];
    /** Links of which nothing can be told, mostly because the party's core can not be asked. */
    unknown?: readonly string[];
    /** How the prober's paths end: its code, and the stage at which. Links that are down beside these are so by the word of a core. */
    paths?: Readonly<Record<string, string>>;
  };
  /** `findings` of `validate --format json`: code and party to chase. */
  findings: readonly Blame[];
  /** The cause that `doctor` names: whose it is, and of which link. Null: a matter that shows in nothing. */
  cause: (Blame & { link?: string }) | null;
}

interface Blame {
  code: string;
  party: number;
}

const of = (party: number, code: string): Blame => ({ code, party });
const refused = (party: number) => ({
  down: [`→${party}`],
  unknown: [`${party}→`],
  paths: { [`→${party}`]: "REFUSED tcp" },
});
const strange = (party: number, ends: string) => ({
  down: [`→${party}`, `${party}→`],
  paths: { [`→${party}`]: ends },
});
const oneWay = (link: string, ends: string) => ({ down: [link], paths: { [link]: ends } });
const allUp = { down: [] };

/** Every fault but the healing. `docs/faults.md` is printed from it, and tests play each and compare. */
export const faultTable: readonly FaultRow[] = [
  {
    fault: "cut 2 3",
    happens: "packets from 2 to 3 get lost",
    matrix: oneWay("2→3", "TIMED_OUT tcp"),
    findings: [of(2, "LINK_DOWN")],
    cause: { ...of(2, "LINK_DOWN"), link: "2→3" },
  },
  {
    fault: "slow 2 3 600",
    happens: "what 2 sends to 3 comes later by 600 ms; beyond the deadline of 5 s it is as `cut`, but in TLS",
    matrix: allUp,
    findings: [],
    cause: { ...of(2, "LINK_SLOW"), link: "2→3" },
  },
  {
    fault: "reset 2 3",
    happens: "connections from 2 to 3 are reset",
    matrix: oneWay("2→3", "RESET tcp"),
    findings: [of(2, "LINK_DOWN")],
    cause: { ...of(2, "LINK_DOWN"), link: "2→3" },
  },
  {
    fault: "pending-endpoint 2 3",
    happens:
      "the endpoint of 2 to the service of 3 waits to be accepted, at 2 and at 3: its name does not resolve, and it carries nothing; `aws ec2 accept-vpc-endpoint-connections` by 3 mends it",
    matrix: oneWay("2→3", "NAME_NOT_FOUND dns"),
    findings: [of(2, "LINK_DOWN")],
    cause: { ...of(3, "ENDPOINT_PENDING"), link: "2→3" },
  },
  {
    fault: "firewall 2 3",
    happens:
      "the endpoint of 2 to 3 is in a security group that lets nothing in at the peers' port; with public addresses, the firewall of 3 has no rule for 2, and doctor names party 3",
    matrix: oneWay("2→3", "TIMED_OUT tcp"),
    findings: [of(2, "LINK_DOWN")],
    cause: { ...of(2, "SECURITY_GROUP_CLOSED"), link: "2→3" },
  },
  {
    fault: "dns-lost 2 3",
    happens: "the Service that leads to 3 is gone from the cluster of 2",
    matrix: oneWay("2→3", "NAME_NOT_FOUND dns"),
    findings: [of(2, "LINK_DOWN")],
    cause: { ...of(2, "PEER_NAME_MISSING"), link: "2→3" },
  },
  {
    fault: "kill 4",
    happens: "the core of 4 dies and stays dead",
    matrix: refused(4),
    findings: [of(4, "PARTY_DOWN")],
    cause: of(4, "PARTY_DOWN"),
  },
  {
    fault: "hang 4",
    happens: "the core of 4 accepts, and says nothing",
    matrix: { down: ["→4"], unknown: ["4→"], paths: { "→4": "TIMED_OUT tls" } },
    findings: [of(4, "PARTY_HUNG")],
    cause: of(4, "PARTY_HUNG"),
  },
  {
    fault: "enclave-stopped 3",
    happens: "the enclave of 3 ended and does not start again; its container runs",
    matrix: refused(3),
    findings: [of(3, "PARTY_DOWN")],
    cause: of(3, "ENCLAVE_STOPPED"),
  },
  {
    fault: "small-allocator 3",
    happens:
      "the allocator on the node of 3 sets aside half of the enclave's CPUs and huge pages; the core's pod is made anew and finds no room",
    matrix: refused(3),
    findings: [of(3, "PARTY_DOWN")],
    cause: of(3, "NODE_TOO_SMALL"),
  },
  {
    fault: "no-device-plugin 3",
    happens:
      "the device plugin is gone from the cluster of 3, so that its node offers no enclaves; the core's pod is made anew and finds no room",
    matrix: refused(3),
    findings: [of(3, "PARTY_DOWN")],
    cause: of(3, "DEVICE_PLUGIN_MISSING"),
  },
  {
    fault: "node-down 3",
    happens:
      "the node of 3 is lost, its core with it: nobody speaks for the kubelet any more, and no command gets into its pods",
    matrix: refused(3),
    findings: [of(3, "PARTY_DOWN")],
    cause: of(3, "NODE_NOT_READY"),
  },
  {
    fault: "config-lost 3",
    happens:
      "ConfigMap `mpc-party` of 3 is gone; the core's pod is made anew and waits for it (`CreateContainerConfigError`)",
    matrix: refused(3),
    findings: [of(3, "PARTY_DOWN")],
    cause: of(3, "CONFIG_MAP_MISSING"),
  },
  {
    fault: "token-denied 3",
    happens:
      "the role of 3's core trusts the service account of another namespace; the core's pod is made anew, and AWS gives it no credentials",
    matrix: refused(3),
    findings: [of(3, "PARTY_DOWN")],
    cause: of(3, "ROLE_NOT_ASSUMED"),
  },
  {
    fault: "deny-vault 2",
    happens: "the policy of 2's private vault refuses the core's role, and the core was restarted",
    matrix: refused(2),
    findings: [of(2, "PARTY_DOWN")],
    cause: of(2, "VAULT_DENIED"),
  },
  {
    fault: "wrong-pcr 2",
    happens:
      "the key policy of 2 names another enclave than the one that runs, and the core was restarted: AWS KMS does not unseal",
    matrix: refused(2),
    findings: [of(2, "PARTY_DOWN")],
    cause: of(2, "PCR_NOT_IN_KEY_POLICY"),
  },
  {
    fault: "lose-peer-cert 2 3",
    happens: "the public vault of 2 has no CA certificate of 3, and the core of 2 was restarted",
    matrix: {
      down: ["→2", "2→3"],
      unknown: ["2→1", "2→4"],
      paths: { "→2": "REFUSED tcp", "2→3": "NO_CA_CERTIFICATE certificate" },
    },
    findings: [of(2, "PARTY_DOWN"), of(2, "CA_CERTIFICATE_MISSING")],
    cause: { ...of(2, "CA_COPY_MISSING"), link: "2→3" },
  },
  {
    fault: "cn-mismatch 2",
    happens:
      "the certificates of 2 are for `kms-core-2`, as the chart makes them without `addressOverride`; its peers keep their copies",
    matrix: strange(2, "WRONG_CERTIFICATE certificate"),
    findings: [of(2, "CERTIFICATE_WRONG")],
    cause: of(2, "CA_CERTIFICATE_NAME_WRONG"),
  },
  {
    fault: "expire-cert 3",
    happens: "the core of 3 has a certificate that ran out",
    matrix: strange(3, "EXPIRED_CERTIFICATE certificate"),
    findings: [of(3, "CERTIFICATE_EXPIRED")],
    cause: of(3, "CERTIFICATE_EXPIRED"),
  },
  {
    fault: "skew-clock 3 7200",
    happens:
      "the clock of 3's enclave is 2 h ahead; -7200: behind, which shows once it is more than a day, as a certificate that ran out",
    matrix: strange(3, "CERTIFICATE_NOT_YET_VALID certificate"),
    findings: [of(3, "CERTIFICATE_NOT_YET_VALID")],
    cause: of(3, "CLOCK_SKEW"),
  },
  {
    fault: "wrong-release 2",
    happens: "the enclave of 2 is one that nobody trusts",
    matrix: strange(2, "UNTRUSTED_RELEASE attestation"),
    findings: [of(2, "RELEASE_NOT_TRUSTED")],
    cause: of(2, "RELEASE_NOT_TRUSTED"),
  },
  {
    fault: "rate-limit 2",
    happens: "others hold all tokens of 2's rate limiter: work is turned away, health is not",
    matrix: allUp,
    findings: [],
    cause: of(2, "RATE_LIMITED"),
  },
  {
    fault: "no-prss 2",
    happens: "the core of 2 has no PRSS setup: it serves, and finds no epoch",
    matrix: allUp,
    findings: [],
    cause: of(2, "PRSS_MISSING"),
  },
];

/** Single links that a token of the table means, of these parties. */
export function linksOf(token: string, parties: readonly number[]): string[] {
  const [from = "", to = ""] = token.split("→");
  const all = parties.flatMap((one) => parties.flatMap((other) => (one === other ? [] : [[one, other] as const])));
  return all
    .filter(([one, other]) => (from === "" || one === Number(from)) && (to === "" || other === Number(to)))
    .map(([one, other]) => `${one}→${other}`);
}
