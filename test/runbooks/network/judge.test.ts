import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ValidateReport } from "../../../contract/validate-report.ts";
import type { Finding } from "../../../contract/verdict.ts";
import { fewestFaulty } from "../../../runbooks/network/fault-tolerance.ts";
import { judge } from "../../../runbooks/network/judge.ts";
import { workloadOf } from "../../../runbooks/network/observe.ts";
import { propertyRuns } from "../../support/property-runs.ts";
import { partyOutputs } from "./fake-parties.ts";
import { type Fault, has, isGone, modelNetwork, onLink } from "./network-model.ts";

const named = (findings: readonly Finding[]) => findings.map(({ code, field }) => `${code} ${field}`).sort();
const state = (report: ValidateReport) =>
  Object.fromEntries(
    report.links
      .filter((link) => link.verdict.status !== "OK")
      .map((link) => [
        `${link.from}→${link.to}`,
        link.verdict.status === "FAIL" ? `${link.verdict.code} fault ${link.fault}` : "UNKNOWN",
      ]),
  );

describe("the rows of the table of faults", () => {
  test("cut 2→3: that link alone is down, and the finding says that 3→2 works", () => {
    const report = judge(modelNetwork(4, [{ kind: "cut", from: 2, to: 3 }]));
    expect(state(report)).toEqual({ "2→3": "TIMED_OUT fault link" });
    expect(report.links.find((link) => link.from === 2 && link.to === 3)?.asymmetric).toBe(true);
    expect(report.findings).toHaveLength(1);
    expect(report.findings[0]).toMatchObject({ code: "LINK_DOWN", party: 2, field: "link 2→3" });
    expect(report.findings[0]?.found).toContain("3→2 works");
    expect([report.verdict, report.linksUp, report.partiesFullyConnected]).toEqual(["FAIL", 11, 2]);
  });

  test("slow 2→3: the network is up, and the slowest link is named with its time", () => {
    const seen = modelNetwork(4, []);
    const { probe } = seen.parties[1] ?? {};
    const slow = probe?.status === "replied" ? probe.reply.links.find((link) => link.peerId === 3) : undefined;
    if (slow) slow.tlsMs = 203;
    const report = judge(seen);
    expect(report.verdict).toBe("OK");
    expect(report.latency.tls).toMatchObject({ maxMs: 203, slowest: { from: 2, to: 3 }, links: 12 });
    expect(report.latency.tls?.p90Ms).toBeLessThan(10);
  });

  test("kill 4: every way to 4 is refused, what 4 says is unknown, and party 4 is named once", () => {
    const report = judge(modelNetwork(4, [{ kind: "kill", party: 4 }]));
    expect(state(report)).toEqual({
      "1→4": "REFUSED fault 4",
      "2→4": "REFUSED fault 4",
      "3→4": "REFUSED fault 4",
      "4→1": "UNKNOWN",
      "4→2": "UNKNOWN",
      "4→3": "UNKNOWN",
    });
    expect(report.findings.map(({ code, party }) => [code, party])).toEqual([["PARTY_DOWN", 4]]);
    expect(report.links.filter((link) => link.from === 4).map((link) => link.path.status)).toEqual(["OK", "OK", "OK"]);
    expect(report.faultsTolerated).toBe(0);
  });

  test("hang 4: TLS to 4 times out, and party 4 is hung", () => {
    const report = judge(modelNetwork(4, [{ kind: "hang", party: 4 }]));
    expect(state(report)).toMatchObject({ "1→4": "TIMED_OUT fault 4", "4→1": "UNKNOWN" });
    expect(report.findings.map(({ code, party }) => [code, party])).toEqual([["PARTY_HUNG", 4]]);
  });

  test("expire-cert 3: both directions are down, and the certificate of 3 is why", () => {
    const report = judge(modelNetwork(4, [{ kind: "expire-cert", party: 3 }]));
    expect(state(report)).toEqual({
      "1→3": "EXPIRED_CERTIFICATE fault 3",
      "2→3": "EXPIRED_CERTIFICATE fault 3",
      "4→3": "EXPIRED_CERTIFICATE fault 3",
      "3→1": "NOT_ACCEPTED fault 3",
      "3→2": "NOT_ACCEPTED fault 3",
      "3→4": "NOT_ACCEPTED fault 3",
    });
    expect(report.findings.map(({ code, party }) => [code, party])).toEqual([["CERTIFICATE_EXPIRED", 3]]);
  });

  test("skew-clock 3: a certificate that is not valid yet is a matter of clocks, not one that ran out", () => {
    const report = judge(modelNetwork(4, [{ kind: "skew-clock", party: 3 }]));
    expect(state(report)).toMatchObject({ "1→3": "CERTIFICATE_NOT_YET_VALID fault 3", "3→1": "NOT_ACCEPTED fault 3" });
    expect(report.findings).toMatchObject([
      { code: "CERTIFICATE_NOT_YET_VALID", party: 3, expected: expect.stringContaining("clock is ahead") },
    ]);
  });

  test("wrong-release 2: nobody trusts 2, nobody accepts it, and its release is why", () => {
    const report = judge(modelNetwork(4, [{ kind: "wrong-release", party: 2 }]));
    expect(state(report)).toMatchObject({ "1→2": "UNTRUSTED_RELEASE fault 2", "2→1": "NOT_ACCEPTED fault 2" });
    expect(report.findings.map(({ code, party }) => [code, party])).toEqual([["RELEASE_NOT_TRUSTED", 2]]);
  });
});

describe("other faults", () => {
  test.each<[string, Fault, string, string]>([
    ["scaled to 0", { kind: "scale-to-zero", party: 2 }, "PARTY_DOWN party 2", "scaled to 0"],
    ["no room on the node", { kind: "unschedulable", party: 2 }, "PARTY_DOWN party 2", "Insufficient hugepages-1Gi"],
    ["a name that is gone", { kind: "revoke", from: 1, to: 2 }, "LINK_DOWN link 1→2", "name not found"],
    ["a CA certificate that is gone", { kind: "lose-ca", from: 3, to: 1 }, "CA_CERTIFICATE_MISSING party 3", "party 1"],
    ["a peer that does not accept", { kind: "refuse", from: 1, to: 2 }, "NOT_ACCEPTED link 1→2", "transport error"],
    ["a core without health answer", { kind: "mute", party: 1 }, "CORE_SILENT party 1", "50100 refused"],
    ["no access", { kind: "unauthorized", party: 1 }, "COULD_NOT_TELL party 1", "does not know the caller"],
  ])("%s gives one finding", (_name, fault, finding, words) => {
    const report = judge(modelNetwork(4, [fault]));
    expect(named(report.findings)).toEqual([finding]);
    expect(report.findings[0]?.found).toContain(words);
  });

  test("a release that the manifest trusts and one party does not is that party's fault", () => {
    const seen = modelNetwork(4, [{ kind: "wrong-release", party: 2 }]);
    for (const { probe } of seen.parties)
      if (probe.status === "replied" && probe.reply.partyId !== 3)
        for (const link of probe.reply.links) {
          if (link.peerId === 2) Object.assign(link, { code: "OK" });
          seen.trustedReleases = [{ version: "0.13.20", ...(link.release ?? seen.trustedReleases[0]) } as never];
        }
    const stranger = seen.parties[2]?.probe;
    const measured =
      stranger?.status === "replied" ? stranger.reply.links.find((link) => link.peerId === 2)?.release : null;
    seen.trustedReleases = [{ version: "0.13.20", ...measured } as never];
    const report = judge(seen);
    expect(report.findings.map(({ code, party }) => [code, party])).toContainEqual(["RELEASE_LIST_STALE", 3]);
  });

  test("who holds one party's credentials is not told what its peers do among each other", () => {
    const cuts = [2, 3, 4].map((to): Fault => ({ kind: "cut", from: 1, to }));
    const found = (mine?: number[]) =>
      judge(modelNetwork(4, cuts, mine ? { mine } : {})).findings.find(({ code }) => code === "OUTBOUND_BLOCKED")
        ?.found;
    expect(found()).toContain("its peers reach each other");
    expect(found([1])).toContain("whether its peers reach each other is not known here");
  });

  test("a party on another manifest is told, and the network is not clean", () => {
    const seen = modelNetwork(4);
    Object.assign(seen.parties[1] ?? {}, { manifestDigest: `sha256:${"f".repeat(64)}` });
    const report = judge(seen);
    expect(named(report.findings)).toEqual(["MANIFEST_DIFFERS party 2"]);
    expect(report.verdict).toBe("FAIL");
  });

  test.each<[string, (from: number, to: number) => boolean, string[]]>([
    ["one peer", (from, to) => from === 1 && to === 2, ["NOT_ANSWERED link 1→2"]],
    ["each other", (from, to) => from + to === 3, ["NOT_ANSWERED links 1→2 and 2→1"]],
    ["every peer", (from) => from === 3, ["NOT_ANSWERED party 3"]],
    ["none but one", (_from, to) => to === 3, ["ANSWERS_NOBODY party 3"]],
  ])(
    "a core that waits in vain for %s was not refused, and nothing is said of certificates",
    (_whom, late, findings) => {
      const seen = modelNetwork(4);
      for (const { partyId, probe } of seen.parties)
        if (probe.status === "replied" && probe.reply.view.status === "answered")
          for (const peer of probe.reply.view.peers)
            if (late(partyId, peer.peerId))
              Object.assign(peer, { reachable: false, latencyMs: 0, error: "Timeout after 300 s" });
      const report = judge(seen);
      expect(named(report.findings)).toEqual(findings);
      expect(report.findings[0]?.found).toContain("Timeout after 300 s");
      expect(`${report.findings[0]?.expected} ${report.findings[0]?.next}`).not.toMatch(/certificate|accept/);
      expect(report.verdict).toBe("FAIL");
    },
  );

  describe("two ways to one party that end differently", () => {
    const seenBy = (fourth: "unknown" | "cut", alike = false) => {
      const seen = modelNetwork(
        4,
        [1, 2].map((from): Fault => ({ kind: "cut", from, to: 3 })),
      );
      const { probe } = seen.parties[1] ?? {};
      const link = probe?.status === "replied" ? probe.reply.links.find(({ peerId }) => peerId === 3) : undefined;
      if (link && !alike) Object.assign(link, { code: "RESET", stage: "tls", detail: "reset" });
      const [, , , last] = seen.parties;
      if (fourth === "unknown") Object.assign(last ?? {}, { probe: { status: "unknown", reason: "busy" } });
      else if (last?.probe.status === "replied")
        Object.assign(last.probe.reply.links.find(({ peerId }) => peerId === 3) ?? {}, {
          ...{ code: "TIMED_OUT", stage: "tcp", detail: "timed out" },
        });
      return named(judge(seen).findings).filter((finding) => !finding.startsWith("COULD_NOT_TELL"));
    };

    test("are two links, where the party's core answers and nobody knows of the other ways", () => {
      expect(seenBy("unknown")).toEqual(["LINK_DOWN link 1→3", "LINK_DOWN link 2→3"]);
    });

    test("are the party's, where every way to it is down, or all that is known of them is the same", () => {
      expect(seenBy("cut")).toEqual(["PARTY_UNREACHABLE party 3"]);
      expect(seenBy("unknown", true)).toEqual(["PARTY_UNREACHABLE party 3"]);
    });
  });

  test("where one of several peers refuses it is a refusal, however late the others are", () => {
    const seen = modelNetwork(
      4,
      [1, 2, 4].map((to): Fault => ({ kind: "refuse", from: 3, to })),
    );
    const { probe } = seen.parties[2] ?? {};
    if (probe?.status === "replied" && probe.reply.view.status === "answered")
      for (const peer of probe.reply.view.peers) if (peer.peerId !== 1) peer.error = "Timeout after 300 s";
    expect(named(judge(seen).findings)).toEqual(["NOT_ACCEPTED party 3"]);
  });

  test("two cores that refuse each other over open paths give one finding", () => {
    const report = judge(
      modelNetwork(4, [
        { kind: "refuse", from: 1, to: 2 },
        { kind: "refuse", from: 2, to: 1 },
      ]),
    );
    expect(named(report.findings)).toEqual(["NOT_ACCEPTED links 1→2 and 2→1"]);
  });

  test("a party that gets nowhere while others do is told once", () => {
    const report = judge(
      modelNetwork(
        7,
        [2, 3, 4, 5, 6, 7].map((to) => ({ kind: "cut", from: 1, to })),
      ),
    );
    expect(named(report.findings)).toEqual(["OUTBOUND_BLOCKED party 1"]);
  });

  test("a party that nobody reaches while it lives is told once", () => {
    const report = judge(
      modelNetwork(
        7,
        [2, 3, 4, 5, 6, 7].map((from) => ({ kind: "cut", from, to: 1 })),
      ),
    );
    expect(named(report.findings)).toEqual(["PARTY_UNREACHABLE party 1"]);
  });

  test("with one row of one's own, a refused way is a link, and the rest is not clean", () => {
    const report = judge(modelNetwork(4, [{ kind: "kill", party: 4 }], { mine: [1] }));
    expect(named(report.findings)).toEqual(["LINK_DOWN link 1→4"]);
    expect(report.faultsTolerated).toBeNull();
    expect(judge(modelNetwork(4, [], { mine: [1] })).verdict).toBe("UNKNOWN");
  });

  test("a core that is late because a peer keeps it waiting is no fault of its own", () => {
    const seen = modelNetwork(4, [{ kind: "cut", from: 2, to: 3 }]);
    const probe = seen.parties[1]?.probe;
    if (probe?.status === "replied")
      probe.reply.view = { status: "silent", code: "TIMED_OUT", detail: "no health answer from the core" };
    const report = judge(seen);
    expect(named(report.findings)).toEqual(["LINK_DOWN link 2→3"]);
    expect(report.parties[1]?.verdict.status).toBe("UNKNOWN");
  });

  test("whatever answers in place of a core that has no pod, the party is down", () => {
    const seen = modelNetwork(4, [{ kind: "scale-to-zero", party: 2 }]);
    for (const { probe } of seen.parties)
      if (probe.status === "replied")
        for (const link of probe.reply.links)
          if (link.peerId === 2) Object.assign(link, { code: "NOT_TLS", stage: "tls", detail: "not TLS 1.3" });
    expect(named(judge(seen).findings)).toEqual(["PARTY_DOWN party 2"]);
  });

  test("at stage network cores do not matter, listeners do", () => {
    const clean = judge(modelNetwork(4, [], { stage: "network" }));
    expect([clean.verdict, clean.linksUp, clean.findings]).toEqual(["OK", 12, []]);
    const seen = modelNetwork(4, [{ kind: "kill", party: 3 }], { stage: "network" });
    Object.assign(seen.parties[2] ?? {}, { notListening: "port 50001 is taken" });
    const report = judge(seen);
    expect(report.verdict).toBe("UNKNOWN");
    expect(named(report.findings)).toEqual(["COULD_NOT_TELL party 3"]);
  });

  test("a path that is called open, to a party that listened then and heard nobody of that name, is a contradiction with both times", () => {
    const seen = modelNetwork(4, [], { stage: "network" });
    const { listened } = seen.parties[2] ?? {};
    if (listened) Object.assign(listened, { heard: [2, 4] });
    const report = judge(seen);
    expect(state(report)).toEqual({ "1→3": "UNKNOWN" });
    expect([report.verdict, report.linksUp]).toEqual(["UNKNOWN", 11]);
    expect(named(report.findings)).toEqual(["CONTRADICTED party 3"]);
    const [told] = report.findings;
    expect(told?.found).toContain("path 1→3 is open (at 18:55:02Z), says the prober at its other end");
    expect(told?.found).toContain("party 3 listened (18:55:01Z to 18:55:02Z) and heard parties 2, 4 alone");
    expect(told?.next).toMatch(/^party 1 checks where its name for party 3 leads \(it reached 127\.1\.1\.3\)/);
  });

  test.each([
    ["before it listened", "2026-11-20T18:51:00.000Z"],
    ["after it listened", "2026-11-20T18:59:00.000Z"],
  ])("a path that was found open %s, and not heard, is not known to lead there", (_when, at) => {
    const seen = modelNetwork(4, [], { stage: "network" });
    const { listened } = seen.parties[2] ?? {};
    if (listened) Object.assign(listened, { heard: [2, 4] });
    Object.assign(seen.parties[0]?.openAt ?? {}, { 3: at });
    const report = judge(seen);
    expect(state(report)).toEqual({ "1→3": "UNKNOWN" });
    expect(named(report.findings)).toEqual(["NOT_HEARD party 3"]);
    expect(report.findings[0]?.found).toContain("at another time");
    expect(report.findings[0]?.next).toContain("npx quorate validate --stage network --wait 15");
    expect(report.parties.map(({ verdict }) => verdict.status)).toEqual(["OK", "OK", "OK", "OK"]);
  });

  test("what nobody listened to proves nothing: halves of before tell of no listener", () => {
    const seen = modelNetwork(4, [], { stage: "network" });
    for (const party of seen.parties) Object.assign(party, { listened: null, openAt: {} });
    expect(judge(seen).verdict).toBe("OK");
  });

  test("stage network where cores run is one matter, told once", () => {
    const seen = modelNetwork(
      4,
      [1, 2, 3, 4].map((party) => ({ kind: "kill" as const, party })),
      { stage: "network" },
    );
    for (const party of seen.parties) Object.assign(party, { notListening: "port 50001 is taken" });
    const report = judge(seen);
    expect(report.findings).toMatchObject([
      { code: "COULD_NOT_TELL", party: null, field: "parties 1, 2, 3, 4", found: "listener: port 50001 is taken" },
    ]);
    expect(report.findings[0]?.next).toContain("npx quorate validate, where a core runs");
    expect(new Set(report.links.map(({ verdict }) => JSON.stringify(verdict))).size).toBe(1);
  });

  test("a core that is withheld is told as such, with both ways on: another `up` would change nothing", () => {
    const seen = modelNetwork(4, [{ kind: "kill", party: 3 }]);
    for (const party of seen.parties) party.coreWithheld = party.partyId === 3;
    const [finding, ...others] = judge(seen).findings;
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      code: "PARTY_DOWN",
      party: 3,
      found: "no core is released: it is withheld in its stack file, or waits for a Secret that people make",
      next: "npx quorate validate --stage network; or remove quorate:core: withheld, then: npx quorate up --party 3",
    });
  });
});

test("a core that is held back is told with the peers that it waits for, and what brings their certificates", () => {
  const seen = modelNetwork(4, [{ kind: "kill", party: 3 }]);
  for (const party of seen.parties) party.coreHeldFor = party.partyId === 3 ? [1, 4] : [];
  const [finding, ...others] = judge(seen).findings;
  expect(others).toEqual([]);
  expect(finding).toMatchObject({
    code: "PARTY_DOWN",
    party: 3,
    found: "the core is held back: no CA certificate yet of parties 1, 4",
    next: expect.stringContaining("npx quorate cards sync, then: npx quorate up --party 3"),
  });
});

test.each([
  [
    "1 Insufficient aws.ec2.nitro/nitro_enclaves, 1 Insufficient aws.ec2.nitro/nitro_enclaves_cpus",
    "the device plugin",
  ],
  ["1 Insufficient aws.ec2.nitro/nitro_enclaves_cpus, 1 Insufficient hugepages-1Gi", "enclaveNodes in the stack file"],
])("a core without room (%s) is sent to what can make it", (reason, mended) => {
  const seen = modelNetwork(4, [{ kind: "unschedulable", party: 3 }]);
  for (const { workload } of seen.parties)
    if (workload.status === "seen" && workload.workload.pod?.phase === "Pending")
      workload.workload.pod.reason = `0/1 nodes are available: ${reason}.`;
  expect(judge(seen).findings).toEqual([expect.objectContaining({ party: 3, next: expect.stringContaining(mended) })]);
});

test("a pod that waits for a ConfigMap says so, and not that its containers wait for one another", () => {
  const waiting = (name: string, reason: string, message?: string) => ({
    name,
    state: { waiting: { reason, message } },
  });
  const missing = 'configmap "mpc-party" not found';
  const [pod, set] = ["Pod", "StatefulSet"].map((kind) => ({
    kind,
    metadata: { name: kind === "Pod" ? "kms-core-3" : "kms-core" },
    status: {
      phase: "Pending",
      initContainerStatuses: [
        waiting("load-env", "CreateContainerConfigError", missing),
        waiting("b", "PodInitializing"),
      ],
      containerStatuses: [waiting("core", "PodInitializing")],
    },
  }));
  const { pod: seen } = workloadOf([pod, set] as never, partyOutputs(3));
  expect(seen?.reason).toBe(`CreateContainerConfigError: ${missing}`);
});

/* What the right answer is for up to two faults, from what each hides of the other. */

const partyKinds = ["kill", "hang", "expire-cert", "wrong-release", "scale-to-zero", "unauthorized", "mute"] as const;
const linkKinds = ["cut", "revoke", "lose-ca", "refuse"] as const;

const network = (most: number) =>
  fc.integer({ min: 1, max: 4 }).chain((threshold) =>
    fc.record({
      n: fc.constant(3 * threshold + 1),
      faults: fc.array(faultIn(3 * threshold + 1), { maxLength: most }),
    }),
  );

function faultIn(n: number): fc.Arbitrary<Fault> {
  const party = fc.integer({ min: 1, max: n });
  return fc.oneof(
    fc.record({ kind: fc.constantFrom(...partyKinds), party }),
    fc
      .record({ kind: fc.constantFrom(...linkKinds), from: party, to: party })
      .filter((fault) => fault.from !== fault.to),
  );
}

/** The finding that a fault has to lead to, or null where another fault hides it. */
function expected(fault: Fault, all: readonly Fault[]): string | null {
  const is = (kind: Fault["kind"], party: number) => has(all, kind, party);
  if ("party" in fault) {
    const { party } = fault;
    const hung = is("hang", party) && !isGone(all, party);
    switch (fault.kind) {
      case "kill":
      case "scale-to-zero":
        return `PARTY_DOWN party ${party}`;
      case "hang":
        return hung ? `PARTY_HUNG party ${party}` : null;
      case "expire-cert":
        return isGone(all, party) || hung ? null : `CERTIFICATE_EXPIRED party ${party}`;
      case "wrong-release":
        return isGone(all, party) || hung || is("expire-cert", party) ? null : `RELEASE_NOT_TRUSTED party ${party}`;
      case "mute":
        return isGone(all, party) || hung || is("unauthorized", party) ? null : `CORE_SILENT party ${party}`;
      default: {
        // Whoever is down or stale is found by the others; then its silence needs no word of its own.
        const explained = (["kill", "scale-to-zero", "hang", "expire-cert", "wrong-release"] as const).some((kind) =>
          is(kind, party),
        );
        return explained ? null : `COULD_NOT_TELL party ${party}`;
      }
    }
  }
  const { from, to } = fault;
  if (is("unauthorized", from)) return null;
  if (fault.kind === "revoke") return `LINK_DOWN link ${from}→${to}`;
  if (onLink(all, "revoke", from, to)) return null;
  if (fault.kind === "cut") return isGone(all, to) ? null : `LINK_DOWN link ${from}→${to}`;
  if (onLink(all, "cut", from, to) || isGone(all, to) || is("hang", to)) return null;
  if (fault.kind === "lose-ca") return `CA_CERTIFICATE_MISSING party ${from}`;
  // What a core says of a peer counts where its path is open, and is hidden by what explains it.
  if (onLink(all, "lose-ca", from, to) || is("expire-cert", to) || is("wrong-release", to)) return null;
  if (isGone(all, from) || (["hang", "mute", "expire-cert", "wrong-release"] as const).some((kind) => is(kind, from)))
    return null;
  if ((["cut", "revoke", "lose-ca"] as const).some((kind) => onLink(all, kind, to, from)) && !is("unauthorized", to))
    return null;
  const both = onLink(all, "refuse", to, from) && !is("mute", to) && !is("unauthorized", to);
  const [low, high] = from < to ? [from, to] : [to, from];
  return both ? `NOT_ACCEPTED links ${low}→${high} and ${high}→${low}` : `NOT_ACCEPTED link ${from}→${to}`;
}

describe("any network", () => {
  test("with up to two faults names exactly the parties and links that are at fault", () => {
    fc.assert(
      fc.property(network(2), ({ n, faults }) => {
        const report = judge(modelNetwork(n, faults));
        const right = [...new Set(faults.flatMap((fault) => expected(fault, faults) ?? []))].sort();
        expect(named(report.findings)).toEqual(right);
      }),
      { numRuns: propertyRuns(3000) },
    );
  });

  test("without a fault raises no finding", () => {
    for (const n of [4, 7, 10, 13]) {
      const report = judge(modelNetwork(n));
      expect([report.verdict, report.findings, report.linksUp]).toEqual(["OK", [], n * (n - 1)]);
      expect(report.faultsTolerated).toBe((n - 1) / 3);
    }
  });

  test("that was seen in one moment does not contradict itself, whatever is wrong with it", () => {
    fc.assert(
      fc.property(network(8), fc.constantFrom("link" as const, "network" as const), ({ n, faults }, stage) => {
        expect(named(judge(modelNetwork(n, faults, { stage })).findings).join()).not.toMatch(/CONTRADICTED|NOT_HEARD/);
      }),
      { numRuns: propertyRuns(1000) },
    );
  });

  test("with any faults gives a report that fits the contract, and is clean only if all is known and up", () => {
    fc.assert(
      fc.property(network(8), fc.integer({ min: 0, max: 13 }), ({ n, faults }, held) => {
        const mine = held === 0 ? undefined : Array.from({ length: Math.min(held, n) }, (_, index) => index + 1);
        const report = ValidateReport.parse(judge(modelNetwork(n, faults, mine ? { mine } : {})));
        const statuses = report.links.map((link) => link.verdict.status);
        if (report.verdict === "OK") expect(statuses.every((status) => status === "OK")).toBe(true);
        if (report.verdict !== "FAIL") expect(statuses).not.toContain("FAIL");
        if (statuses.includes("FAIL")) expect(report.findings.length).toBeGreaterThan(0);
        for (const link of report.links) expect(link.fault !== null).toBe(link.verdict.status === "FAIL");
        if (faults.some((fault) => fault.kind !== "unauthorized") && mine === undefined)
          expect(report.verdict === "OK").toBe(false);
      }),
      { numRuns: propertyRuns(1000) },
    );
  });
});

describe("the fewest faulty parties", () => {
  const pairs = fc.array(fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 })), { maxLength: 12 });
  test("is the smallest set of parties that touches every broken pair", () => {
    fc.assert(
      fc.property(
        pairs.map((all) => all.filter(([a, b]) => a !== b)),
        (broken) => {
          let smallest = 7;
          for (let set = 0; set < 128; set += 1)
            if (broken.every(([a, b]) => set & (1 << (a - 1)) || set & (1 << (b - 1))))
              smallest = Math.min(smallest, set.toString(2).replaceAll("0", "").length);
          expect(fewestFaulty(broken)).toBe(smallest);
        },
      ),
    );
  });

  test("of a hundred parties is found at once", () => {
    const broken = Array.from({ length: 100 }, (_, from) =>
      Array.from({ length: 100 }, (_, to) => [from, to] as const).filter(
        ([a, b]) => a !== b && (a * 7 + b * 13) % 3 === 0,
      ),
    ).flat();
    const started = performance.now();
    expect(fewestFaulty(broken)).toBeGreaterThan(30);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
