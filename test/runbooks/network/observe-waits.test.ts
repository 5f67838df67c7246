import { describe, expect, test } from "vitest";
import { manifestDigest } from "../../../contract/manifest-digest.ts";
import type { PartyAccess } from "../../../runbooks/context.ts";
import { observe } from "../../../runbooks/network/observe.ts";
import { fakeParties, manifest } from "./fake-parties.ts";

const everybody = (id: number) =>
  [1, 2, 3, 4].flatMap((from) => (from === id ? [] : [`heard party ${from} from 10.0.0.${from}`]));

function contextOf(parties: PartyAccess[], progress: (text: string) => void = () => {}) {
  return { manifest, manifestDigest: manifestDigest(manifest), parties, clock: { now: () => new Date() }, progress };
}

/** One party that waits; its prober's first answers say that party 3 refuses. */
async function wait(
  { downFor, heard = everybody }: { downFor: number; heard?: (id: number) => string[] },
  { stage = "network", waitMs }: { stage?: "link" | "network"; waitMs: number },
) {
  let probes = 0;
  const progress: string[] = [];
  const down = fakeParties([{ kind: "cut", from: 1, to: 3 }], { stage }).parties[0];
  const { parties, listening } = fakeParties([], {
    stage,
    heard,
    answer: (_party, args) => {
      if (!args.includes("probe")) return undefined;
      probes += 1;
      return undefined;
    },
  });
  const [party] = parties;
  if (party === undefined || down === undefined) throw new Error("the model has no party");
  const { kubectl } = party;
  const switching: typeof kubectl = async (args, options) =>
    await (args.includes("probe") && probes < downFor ? countDown(args, options) : kubectl(args, options));
  const countDown: typeof kubectl = async (args, options) => {
    probes += 1;
    return await down.kubectl(args, options);
  };
  const context = contextOf([{ ...party, kubectl: switching }], (text) => void progress.push(text));
  const inputs = { stage, timeoutMs: 500, waitMs, betweenRoundsMs: 5 };
  const seen = await observe(context, inputs, new AbortController().signal);
  const { probe } = seen.parties[0] ?? {};
  const codes = probe?.status === "replied" ? probe.reply.links.map(({ code }) => code) : [];
  return { codes, probes, listening: listening.size, progress };
}

test("without a wait there is one round, whatever it finds", async () => {
  expect(await wait({ downFor: 9 }, { waitMs: 0 })).toMatchObject({ probes: 1, codes: ["OK", "TIMED_OUT", "OK"] });
});

test("it goes on until the last path is open, and says meanwhile what is wanting", async () => {
  const { probes, codes, listening, progress } = await wait({ downFor: 3 }, { waitMs: 60_000 });
  expect([probes, codes, listening]).toEqual([4, ["OK", "OK", "OK"], 0]);
  expect(progress.find((line) => line.includes("trying again"))).toMatch(/^2 of 3 paths open; trying again for \d+ s$/);
});

test("who has reached everybody goes on listening until everybody came by, or the time is over", async () => {
  const { probes, codes, progress } = await wait(
    { downFor: 0, heard: () => ["heard party 2 from 10.0.0.2"] },
    { waitMs: 1_500 },
  );
  expect(probes).toBeGreaterThan(2);
  expect(codes).toEqual(["OK", "OK", "OK"]);
  expect(progress.join("\n")).toContain("heard by 1 of 3 peers; trying again");
});

test("a path that stays closed is told as it is when the time is over", async () => {
  expect((await wait({ downFor: 1000 }, { waitMs: 40 })).codes).toEqual(["OK", "TIMED_OUT", "OK"]);
});

test("a path that was open stays open: a peer that has heard and reached everybody listens no more", async () => {
  const probes = { count: 0 };
  const { parties } = fakeParties([], { stage: "network", heard: () => ["heard party 2 from 10.0.0.2"] });
  const gone = fakeParties([{ kind: "kill", party: 3 }], { stage: "network" }).parties[0];
  const [party] = parties;
  if (party === undefined || gone === undefined) throw new Error("the model has no party");
  const kubectl: typeof party.kubectl = async (args, options) => {
    if (args.includes("probe")) probes.count += 1;
    return await (args.includes("probe") && probes.count > 1
      ? gone.kubectl(args, options)
      : party.kubectl(args, options));
  };
  const seen = await observe(
    contextOf([{ ...party, kubectl }]),
    { stage: "network", timeoutMs: 500, waitMs: 1_500, betweenRoundsMs: 5 },
    new AbortController().signal,
  );
  const [first] = seen.parties;
  expect(probes.count).toBeGreaterThan(1);
  expect(first?.probe.status === "replied" ? first.probe.reply.links.map(({ code }) => code) : []).toEqual([
    "OK",
    "OK",
    "OK",
  ]);
  expect(Object.keys(first?.openAt ?? {})).toEqual(["2", "3", "4"]);
  expect((first?.openAt["3"] ?? "") < (first?.openAt["2"] ?? "")).toBe(true);
});

test("who listened says when, and whom it heard", async () => {
  const { parties } = fakeParties([], { stage: "network", heard: (id) => everybody(id).toReversed() });
  const seen = await observe(contextOf(parties), { stage: "network", timeoutMs: 500 }, new AbortController().signal);
  for (const { partyId, listened, openAt } of seen.parties) {
    expect(listened?.heard).toEqual([1, 2, 3, 4].filter((id) => id !== partyId));
    for (const at of Object.values(openAt))
      expect(at >= (listened?.from ?? "") && at <= (listened?.until ?? "")).toBe(true);
  }
});

test("a line of the listener that comes a moment after the probes counts", async () => {
  const { parties } = fakeParties([], { stage: "network", heard: () => [] });
  const late = parties.map((party): typeof party => ({
    ...party,
    kubectl: (args, options) => {
      if (args.includes("listen"))
        setTimeout(() => {
          for (const line of everybody(party.outputs.partyId)) options?.onLine?.(line);
        }, 60);
      return party.kubectl(args, options);
    },
  }));
  const seen = await observe(contextOf(late), { stage: "network", timeoutMs: 500 }, new AbortController().signal);
  expect(seen.parties.map(({ listened }) => listened?.heard.length)).toEqual([3, 3, 3, 3]);
});

test("a listener whose kubectl ended early listened until then", async () => {
  const { parties } = fakeParties([], { stage: "network", heard: () => [] });
  const [first, ...others] = parties;
  if (first === undefined) throw new Error("the model has no party");
  const kubectl: typeof first.kubectl = async (args, options) => {
    if (!args.includes("listen")) return await first.kubectl(args, options);
    options?.onLine?.("listening on 127.1.0.1 port 50001 for 13 s");
    return { stdout: "", stderr: "error: connection reset by peer", exitCode: 1, durationMs: 1, ended: "exited" };
  };
  const seen = await observe(
    contextOf([{ ...first, kubectl }, ...others]),
    { stage: "network", timeoutMs: 500 },
    new AbortController().signal,
  );
  const { listened } = seen.parties[0] ?? {};
  expect(listened?.heard).toEqual([]);
  expect((listened?.until ?? "z") <= (seen.parties[1]?.listened?.until ?? "")).toBe(true);
});

test("cores can be waited for too, and nobody listens then", async () => {
  const { probes, codes } = await wait({ downFor: 2 }, { stage: "link", waitMs: 60_000 });
  expect([probes, codes]).toEqual([3, ["OK", "OK", "OK"]]);
});

describe("an API server that goes away in the middle of a question", () => {
  const lost = {
    exitCode: 1,
    stderr: "error: error reading from error stream: websocket: close 1006 (abnormal closure)",
  };
  const refused = {
    exitCode: 1,
    stderr: "The connection to the server 127.1.0.1:6443 was refused - did you specify the right host or port?",
  };
  const observed = async (times: number, failure: object, what: string) => {
    let asked = 0;
    const { parties } = fakeParties([], {
      answer: (party, args) => {
        if (party !== 1 || !args.includes(what)) return undefined;
        asked += 1;
        return asked <= times ? failure : undefined;
      },
    });
    const seen = await observe(contextOf(parties), { stage: "link", timeoutMs: 500 }, new AbortController().signal);
    return { asked, party: seen.parties[0] };
  };

  test.each([
    ["probe", lost],
    ["probe", refused],
    ["get", lost],
    ["get", refused],
  ])("is asked once more: %s", async (what, failure) => {
    const { asked, party } = await observed(1, failure, what);
    expect([asked, party?.probe.status, party?.workload.status]).toEqual([2, "replied", "seen"]);
  });

  test("and stays away is one that could not be told, and why", async () => {
    const { asked, party } = await observed(9, lost, "probe");
    expect(asked).toBe(2);
    expect(party?.probe).toMatchObject({
      status: "unknown",
      reason: expect.stringContaining("the connection to the API server was lost"),
    });
  });

  test.each([
    [
      "no permission for exec",
      'Error from server (Forbidden): pods "quorate-prober-x" is forbidden: User "x" cannot create resource "pods/exec"',
    ],
    ["no such pod", 'Error from server (NotFound): deployments.apps "quorate-prober" not found'],
    ["a kubeconfig that is gone", "error: stat /x/.quorate/access/devnet-x/kubeconfig-1: no such file or directory"],
  ])("%s is not asked again, and could not be told", async (_name, stderr) => {
    const { asked, party } = await observed(9, { exitCode: 1, stderr }, "probe");
    expect([asked, party?.probe.status]).toEqual([1, "unknown"]);
  });
});
