import { expect, test } from "vitest";
import { judge } from "../../runbooks/network/judge.ts";
import type { Observations } from "../../runbooks/network/observations.ts";
import { diagnose } from "../../runbooks/zama-kms/diagnose.ts";
import { judgeCertificates } from "../../runbooks/zama-kms/judge-certificates.ts";
import { judgeClusters } from "../../runbooks/zama-kms/judge-cluster.ts";
import { randomFrom, shuffled } from "../support/random.ts";
import { modelNetwork } from "./network/network-model.ts";
import { writtenSights } from "./zama-kms/doctor-sights.ts";

// Sixty networks in which nothing is wrong, each another one: whatever is found in them is a false alarm.
const sizes = [4, 7, 10, 13, 25] as const;
const seeds = Array.from({ length: 12 }, (_, index) => index + 1);

/**
 * What networks in order differ in: how far apart the parties are, how quick their cores answer, in which order all of that comes, when each was
 * looked at, and which releases run.
 */
function varied(seen: Observations, random: () => number): Observations {
  const far = new Map(seen.parties.map(({ partyId }) => [partyId, random() * 180]));
  const start = Date.parse(seen.startedAt);
  return {
    ...seen,
    durationMs: Math.round(random() * 20_000),
    trustedReleases: [
      ...seen.trustedReleases,
      ...(random() < 0.5
        ? seen.trustedReleases.map((one) => ({ ...one, version: "0.13.9", pcr0: "5".repeat(96) }))
        : []),
    ] as Observations["trustedReleases"],
    parties: seen.parties.map((party) => {
      if (party.probe.status !== "replied") return party;
      const { reply } = party.probe;
      const links = reply.links.map((link) => {
        const way = (far.get(party.partyId) ?? 0) + (far.get(link.peerId) ?? 0) + random() * 3;
        return {
          ...link,
          dnsMs: random() * 900,
          tcpMs: way,
          tlsMs: link.tlsMs === null ? null : way * 2.2 + random() * 20,
        };
      });
      const { view } = reply;
      return {
        ...party,
        seenAt: new Date(start + random() * 600_000).toISOString(),
        probe: {
          ...party.probe,
          reply: {
            ...reply,
            links: shuffled(links, random),
            view: view.status === "answered" ? { ...view, peers: shuffled(view.peers, random) } : view,
          },
        },
      };
    }),
  };
}

test.each(sizes.flatMap((size) => seeds.map((seed) => [size, seed] as const)))(
  "a clean network of %i raises no finding (%i)",
  (size, seed) => {
    const random = randomFrom((size * 1000 + seed) * 2_654_435_761);
    const link = judge(varied(modelNetwork(size), random));
    expect([link.verdict, link.findings, link.linksUp]).toEqual(["OK", [], size * (size - 1)]);
    expect([link.partiesFullyConnected, link.faultsTolerated]).toEqual([size, (size - 1) / 3]);
    const network = judge(varied(modelNetwork(size, [], { stage: "network" }), random));
    expect([network.verdict, network.findings]).toEqual(["OK", []]);
    // Of some parties alone not everything is known, and nothing is found either.
    const mine = shuffled(
      Array.from({ length: size }, (_, index) => index + 1),
      random,
    ).slice(0, 1 + Math.floor(random() * (size - 1)));
    const part = judge(varied(modelNetwork(size, [], { mine }), random));
    expect([part.verdict, part.findings]).toEqual(["UNKNOWN", []]);
  },
);

test.each(sizes)(
  "nothing is the matter with a clean network of %i: no cause, no finding of clusters or certificates",
  async (size) => {
    const seen = await writtenSights({ size });
    const diagnosis = diagnose(seen);
    expect([diagnosis.verdict, diagnosis.causes, diagnosis.unseen]).toEqual(["OK", [], []]);
    expect(judgeCertificates(seen.certificates).findings).toEqual([]);
    // Health is what doctor does not ask for.
    expect(judgeClusters(seen.clusters).findings.filter(({ field }) => !field.endsWith(": health"))).toEqual([]);
  },
);
