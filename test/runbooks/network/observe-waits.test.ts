import { expect, test } from "vitest";
import { manifestDigest } from "../../../contract/manifest-digest.ts";
import { observe } from "../../../runbooks/network/observe.ts";
import { fakeParties, manifest } from "./fake-parties.ts";

const everybody = (id: number) =>
  [1, 2, 3, 4].flatMap((from) => (from === id ? [] : [`heard party ${from} from 10.0.0.${from}`]));

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
  const context = {
    manifest,
    manifestDigest: manifestDigest(manifest),
    parties: [{ ...party, kubectl: switching }],
    clock: { now: () => new Date() },
    progress: (text: string) => void progress.push(text),
  };
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
    { waitMs: 60 },
  );
  expect(probes).toBeGreaterThan(2);
  expect(codes).toEqual(["OK", "OK", "OK"]);
  expect(progress.join("\n")).toContain("heard by 1 of 3 peers; trying again");
});

test("a path that stays closed is told as it is when the time is over", async () => {
  expect((await wait({ downFor: 1000 }, { waitMs: 40 })).codes).toEqual(["OK", "TIMED_OUT", "OK"]);
});

test("cores can be waited for too, and nobody listens then", async () => {
  const { probes, codes } = await wait({ downFor: 2 }, { stage: "link", waitMs: 60_000 });
  expect([probes, codes]).toEqual([3, ["OK", "OK", "OK"]]);
});
