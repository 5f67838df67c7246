import { describe, expect, test } from "vitest";
import type { PathProbe } from "../../../contract/probe.ts";
import { judge } from "../../../runbooks/network/judge.ts";
import type { Observations } from "../../../runbooks/network/observations.ts";
import { hex } from "../../support/network.ts";
import { modelNetwork } from "./network-model.ts";

const strange = { pcr0: hex(96, "7"), pcr1: hex(96, "b"), pcr2: hex(96, "c") } as PathProbe["release"];
const dates = { commonName: "mpc-node", notBefore: "2026-11-19T18:00:00.000Z", notAfter: "2026-11-20T18:00:00.000Z" };

/** What one party can claim of its way to a peer that is in order. */
const claims: Record<string, Partial<PathProbe>> = {
  "name not found": { code: "NAME_NOT_FOUND", stage: "dns" },
  refused: { code: "REFUSED", stage: "tcp" },
  "timed out": { code: "TIMED_OUT", stage: "tcp" },
  "TLS timed out": { code: "TIMED_OUT", stage: "tls" },
  reset: { code: "RESET", stage: "tls" },
  "not TLS": { code: "NOT_TLS", stage: "tls" },
  "no CA certificate": { code: "NO_CA_CERTIFICATE", stage: "certificate" },
  "wrong certificate": { code: "WRONG_CERTIFICATE", stage: "certificate" },
  "certificate expired": { code: "EXPIRED_CERTIFICATE", stage: "certificate", certificate: dates },
  "strange release": { code: "UNTRUSTED_RELEASE", stage: "attestation", release: strange },
  "no release": { code: "UNTRUSTED_RELEASE", stage: "attestation", release: null },
};

/** Puts a claim into the row of one party. */
function claim(seen: Observations, from: number, peers: readonly number[], what: Partial<PathProbe>): Observations {
  const probe = seen.parties.find(({ partyId }) => partyId === from)?.probe;
  if (probe?.status !== "replied") throw new Error(`party ${from} did not reply`);
  for (const link of probe.reply.links)
    if (peers.includes(link.peerId)) Object.assign(link, { detail: "as claimed", ...what });
  return seen;
}

/** What a party's core says of its peers. */
function viewOf(seen: Observations, from: number) {
  const probe = seen.parties.find(({ partyId }) => partyId === from)?.probe;
  if (probe?.status !== "replied" || probe.reply.view.status !== "answered")
    throw new Error(`core ${from} did not answer`);
  return probe.reply.view;
}

const told = (seen: Observations) => {
  const report = judge(seen);
  return {
    verdict: report.verdict,
    findings: report.findings.map(({ code, party, field }) => `${code} ${field}: party ${party}`),
    blamed: report.parties.filter(({ verdict }) => verdict.status === "FAIL").map(({ partyId }) => partyId),
  };
};

describe("what party 2 alone says of party 3, which all the others find in order", () => {
  // Of each: the finding, and who is asked first. None is a verdict on party 3, and none is green.
  test.each<[claimed: string, finding: string]>([
    ["name not found", "LINK_DOWN link 2→3: party 2"],
    ["refused", "LINK_DOWN link 2→3: party 2"],
    ["timed out", "LINK_DOWN link 2→3: party 2"],
    ["TLS timed out", "LINK_DOWN link 2→3: party 2"],
    ["reset", "LINK_DOWN link 2→3: party 2"],
    ["not TLS", "LINK_DOWN link 2→3: party 2"],
    ["wrong certificate", "LINK_DOWN link 2→3: party 2"],
    ["no CA certificate", "CA_CERTIFICATE_MISSING party 2: party 2"],
    ["certificate expired", "CONTRADICTED link 2→3: party 2"],
    ["strange release", "CONTRADICTED link 2→3: party 2"],
    ["no release", "CONTRADICTED link 2→3: party 2"],
  ])("%s: %s", (claimed, finding) => {
    const { verdict, findings, blamed } = told(claim(modelNetwork(4), 2, [3], claims[claimed] ?? {}));
    expect([verdict, findings]).toEqual(["FAIL", [finding]]);
    expect(blamed).not.toContain(3);
  });

  test("names the witness, and who sees otherwise", () => {
    const [finding] = judge(claim(modelNetwork(4), 2, [3], claims["strange release"] ?? {})).findings;
    expect(finding?.found).toContain("party 2 alone says so");
    expect(finding?.found).toContain("parties 1, 4 get through to party 3");
    expect(finding?.found).toContain("core 3 reaches parties 1, 4");
    expect(finding?.next).toMatch(/^party 2 checks where its name for party 3 leads/);
  });

  test.each(Object.keys(claims))("%s, of all its peers: its own matter", (claimed) => {
    const { verdict, findings, blamed } = told(claim(modelNetwork(4), 2, [1, 3, 4], claims[claimed] ?? {}));
    expect(verdict).toBe("FAIL");
    expect(findings.every((finding) => finding.endsWith(": party 2"))).toBe(true);
    expect(blamed.filter((party) => party !== 2)).toEqual([]);
  });

  test("that its core is not accepted is asked of party 3, and is no verdict on it", () => {
    const seen = modelNetwork(4);
    const peer = viewOf(seen, 2).peers.find(({ peerId }) => peerId === 3);
    Object.assign(peer ?? {}, { reachable: false, error: "transport error" });
    expect(told(seen)).toEqual({ verdict: "FAIL", findings: ["NOT_ACCEPTED link 2→3: party 3"], blamed: [] });
  });
});

describe("what party 2 alone says of party 3, of which no other path is known", () => {
  const alone = (change: (seen: Observations) => void = () => {}) => {
    const seen = modelNetwork(4, [], { mine: [2, 3] });
    change(seen);
    return seen;
  };

  test.each(["certificate expired", "strange release"])(
    "%s is contradicted by what core 3 says of itself",
    (claimed) => {
      const { verdict, findings, blamed } = told(claim(alone(), 2, [3], claims[claimed] ?? {}));
      expect([verdict, findings, blamed]).toEqual(["FAIL", ["CONTRADICTED link 2→3: party 2"], []]);
    },
  );

  test.each([
    ["certificate expired", "CERTIFICATE_EXPIRED"],
    ["strange release", "RELEASE_NOT_TRUSTED"],
  ])("%s counts where nobody says otherwise, party 3 least of all", (claimed, code) => {
    const seen = alone((all) => {
      for (const peer of viewOf(all, 3).peers) Object.assign(peer, { reachable: false, error: "refused" });
    });
    const { findings, blamed } = told(claim(seen, 2, [3], claims[claimed] ?? {}));
    expect([findings, blamed]).toEqual([[`${code} party 3: party 3`], [3]]);
  });
});

test("two witnesses of a strange release are enough, whatever the party says of itself", () => {
  const seen = claim(modelNetwork(4), 2, [3], claims["strange release"] ?? {});
  const report = judge(claim(seen, 4, [3], claims["strange release"] ?? {}));
  expect(report.findings.map(({ code, party }) => [code, party])).toEqual([["RELEASE_NOT_TRUSTED", 3]]);
  // It says that it is up to parties that do not let it in.
  const from3 = Object.fromEntries(
    report.links.filter(({ from }) => from === 3).map(({ to, verdict }) => [to, verdict.status]),
  );
  expect(from3).toEqual({ 1: "OK", 2: "UNKNOWN", 4: "UNKNOWN" });
});

test("a party that says it is up to everybody, and is not there itself, is contradicted", () => {
  const seen = modelNetwork(4);
  const lies = seen.parties[2];
  Object.assign(lies ?? {}, {
    workload: { status: "seen", workload: { statefulSet: "kms-core", replicas: 0, pod: null } },
  });
  const refused = claims.refused ?? {};
  for (const from of [1, 2, 4]) claim(seen, from, [3], refused);
  expect(told(seen)).toMatchObject({ verdict: "FAIL", blamed: [3] });
});
