import "reflect-metadata";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FoundHalf, ValidateHalf } from "../../../contract/validate-half.ts";
import { ValidateReport } from "../../../contract/validate-report.ts";
import type { PartyAccess } from "../../../runbooks/context.ts";
import { joinHalves } from "../../../runbooks/network/join.ts";
import { judge } from "../../../runbooks/network/judge.ts";
import report from "../../../runbooks/network/report.ts";
import { renderValidateText } from "../../../runbooks/report-text.ts";
import { executeRun, planRunbook, readRun } from "../../../runbooks/run.ts";
import { digestOf } from "../../support/cards.ts";
import { halfContent } from "../../support/halves.ts";
import { problemOf } from "../../support/refusal.ts";
import { noBaselines, noVaults } from "../support/no-peers.ts";
import { fakeParties, manifest } from "./fake-parties.ts";
import { type Fault, modelNetwork } from "./network-model.ts";

const signingKey = { id: "arn:aws:kms:eu-west-1:100000000002:key/1", fingerprint: digestOf("f") };

function found(partyId: number, faults: Fault[] = [], change: Partial<ValidateHalf> = {}): FoundHalf {
  const half = ValidateHalf.parse({ ...halfContent(partyId, { faults }), signingKey, ...change });
  return { partyId, source: "a vault", half, digest: digestOf(String(partyId)), problem: null };
}

const mine = (id: number, faults: Fault[] = []) => modelNetwork(4, faults, { mine: [id] });
const problem = { code: "HALF_MISSING", found: "no half", expected: "a half", next: "ask party 4", refused: false };
const without = (partyId: number, change: Partial<typeof problem> = {}): FoundHalf => ({
  partyId,
  source: null,
  half: null,
  digest: null,
  problem: { ...problem, ...change },
});

test.each<[string, Fault[]]>([
  ["a clean network", []],
  ["a cut link", [{ kind: "cut", from: 2, to: 3 }]],
  ["a killed party", [{ kind: "kill", party: 4 }]],
  ["a hung party", [{ kind: "hang", party: 3 }]],
  ["a wrong release", [{ kind: "wrong-release", party: 2 }]],
])("%s is judged from one's own sight and three halves as from one place", (_name, faults) => {
  const joined = judge(
    joinHalves(
      mine(1, faults),
      [2, 3, 4].map((id) => found(id, faults)),
    ),
  );
  const whole = judge(modelNetwork(4, faults));
  const core = ({ verdict, links, findings, linksUp }: ValidateReport) => ({
    verdict,
    links,
    linksUp,
    findings: findings.map(({ code, party, field, found: what }) => ({ code, party, field, what })),
  });
  expect(core(joined)).toEqual(core(whole));
  expect(joined.parties.map(({ halfDigest }) => halfDigest)).toEqual([
    null,
    digestOf("2"),
    digestOf("3"),
    digestOf("4"),
  ]);
});

test("what another party is to do is told as its own to do", () => {
  const faults: Fault[] = [{ kind: "scale-to-zero", party: 4 }];
  const joined = judge(
    joinHalves(
      mine(1, faults),
      [2, 3, 4].map((id) => found(id, faults)),
    ),
  );
  expect(joined.findings[0]?.next).toMatch(
    /^party 4 \(party-4\) runs: KUBECONFIG="\$\(npx quorate kubeconfig --party 4\)" kubectl --namespace/,
  );
});

test("a half that is missing is missing: its row is unknown, its party is named, and nothing is green", () => {
  const joined = judge(joinHalves(mine(1), [found(2), found(3), without(4)]));
  expect(joined.verdict).toBe("UNKNOWN");
  expect(joined.links.filter((link) => link.verdict.status === "UNKNOWN").map(({ from }) => from)).toEqual([4, 4, 4]);
  expect(joined.findings).toEqual([
    {
      code: "HALF_MISSING",
      party: 4,
      field: "half of party 4",
      found: "no half",
      expected: "a half",
      next: "ask party 4",
    },
  ]);
});

test("a half that was refused makes the network red, not only unknown", () => {
  const joined = judge(joinHalves(mine(1), [found(2), found(3), without(4, { code: "HALF_TAMPERED", refused: true })]));
  expect([joined.verdict, joined.parties[3]?.verdict.status, joined.linksUp]).toEqual(["FAIL", "FAIL", 9]);
  expect(joined.findings.map(({ code }) => code)).toEqual(["HALF_TAMPERED"]);
});

test("halves that contradict each other are shown, with their times, and are never green", () => {
  const later = found(4, [{ kind: "scale-to-zero", party: 4 }], {
    startedAt: "2026-11-20T18:59:40.000Z",
    issuedAt: "2026-11-20T18:59:41.000Z",
  });
  const joined = judge(joinHalves(mine(1), [found(2), found(3), later]));
  expect(joined.verdict).toBe("FAIL");
  expect(joined.links.filter(({ to }) => to === 4).map(({ verdict }) => verdict.status)).toEqual([
    "UNKNOWN",
    "UNKNOWN",
    "UNKNOWN",
  ]);
  const told = joined.findings.find(({ code }) => code === "CONTRADICTED");
  expect(told).toMatchObject({ party: 4 });
  expect(told?.found).toContain("links 1→4, 2→4, 3→4 are up, say their other ends (at 18:55:02Z)");
  expect(told?.found).toContain("(at 18:59:40Z): statefulset kms-core is scaled to 0");
});

test("a path that a half calls open, to a party whose half heard nobody of that name then, is a contradiction and not green", () => {
  const seen = modelNetwork(4, [], { stage: "network" });
  const half = (id: number) => found(id, [], halfContent(id, { seen }));
  const deaf = half(4);
  if (deaf.half?.sight.listened) Object.assign(deaf.half.sight.listened, { heard: [1, 3] });
  const own = modelNetwork(4, [], { stage: "network", mine: [1] });
  const joined = judge(joinHalves(own, [half(2), half(3), deaf]));
  expect([joined.verdict, joined.linksUp]).toEqual(["UNKNOWN", 11]);
  expect(joined.findings).toMatchObject([
    { code: "CONTRADICTED", party: 4, found: expect.stringContaining("path 2→4 is open (at 18:55:02Z)") },
  ]);
  expect(judge(joinHalves(own, [half(2), half(3), half(4)])).verdict).toBe("OK");
});

test("a half about links of parties that the manifest does not have changes nothing", () => {
  const strange = found(2);
  if (strange.half?.sight.probe.status === "replied")
    strange.half.sight.probe.reply.links[0] = { ...strange.half.sight.probe.reply.links[0], peerId: 9 } as never;
  const joined = judge(joinHalves(mine(1), [strange, found(3), found(4)]));
  expect(joined.links).toHaveLength(12);
  expect(joined.links.find(({ from, to }) => from === 2 && to === 1)?.verdict.status).toBe("UNKNOWN");
  expect(joined.verdict).toBe("UNKNOWN");
});

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-report-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function run(parties: PartyAccess[], inputs: object = {}) {
  const { result, asked } = await execute(parties, inputs);
  return { result, asked, json: ValidateReport.parse(result.report?.json) };
}

async function execute(parties: PartyAccess[], inputs: object = {}, interrupt?: AbortController) {
  const asked: [number, object][] = [];
  const given = {
    manifest,
    manifestDigest: digestOf("e"),
    parties,
    clock: { now: () => new Date() },
    signal: (interrupt ?? new AbortController()).signal,
    progress: () => {},
    readPublished: noVaults,
    baseline: noBaselines,
    readHalf: async (partyId: number, rules: object) => {
      asked.push([partyId, rules]);
      interrupt?.abort();
      return found(partyId);
    },
  };
  const host = {
    runsDir: join(root, "runs"),
    operator: "tester",
    terminal: { interactive: false, print: () => {}, ask: async () => null },
    clock: { now: () => new Date() },
    signal: given.signal,
  };
  return { result: await executeRun(await planRunbook(report, given, inputs), host, { quiet: true }), asked };
}

test("one's own party is probed, and the others' halves are read by the rules that were asked for", async () => {
  const { parties, asked: questions } = fakeParties();
  const { asked, json } = await run(parties.slice(0, 1), { maxAgeMinutes: 3 });
  expect(asked).toEqual([2, 3, 4].map((id) => [id, { stage: "link", maxAgeMs: 180_000, folder: undefined }]));
  expect(new Set(questions.map(({ party }) => party))).toEqual(new Set([1]));
  expect([json.linksUp, json.parties[0]?.halfDigest, json.parties[1]?.halfDigest]).toEqual([12, null, digestOf("2")]);
});

test("who holds all stacks gets the same report in one step, and needs no half", async () => {
  const { asked, json } = await run(fakeParties().parties);
  expect([asked, json.linksUp]).toEqual([[], 12]);
});

test("from published halves alone no cluster is asked", async () => {
  const { parties, asked: questions } = fakeParties();
  const { asked, json } = await run(parties, { published: true, from: root });
  expect(asked.map(([id]) => id)).toEqual([1, 2, 3, 4]);
  expect([questions, json.linksUp]).toEqual([[], 12]);
});

test("a folder of halves that is not there is no network that is down", async () => {
  const { parties, asked } = fakeParties();
  const from = join(root, "nosuch");
  expect((await problemOf(run(parties, { from })))?.code).toBe("FILE_UNUSABLE");
  await writeFile(from, "");
  expect(await problemOf(run(parties, { from }))).toMatchObject({ what: "halves are read from a folder" });
  expect(asked).toEqual([]);
});

test("the report says whose rows come from halves, and how old the oldest is", () => {
  const older = found(3, [], { startedAt: "2026-11-20T18:50:00.000Z", issuedAt: "2026-11-20T18:50:01.000Z" });
  const joined = judge(joinHalves(mine(1), [found(2), older, found(4)]));
  expect(renderValidateText(joined, { colour: false, columns: 80 })).toContain(
    "by signed halves: parties 2-4, the oldest 5 min old",
  );
  expect(renderValidateText(judge(mine(1)), { colour: false, columns: 80 })).not.toContain("halves");
});

test("halves that were not waited for are looked for again when the run is resumed", async () => {
  const { result } = await execute(fakeParties().parties.slice(0, 1), {}, new AbortController());
  const { steps } = await readRun(join(root, "runs"), result.runId ?? "");
  expect(steps.map(({ id, state }) => [id, state])).toEqual([
    ["observe", "DONE"],
    ["halves", "INTERRUPTED"],
    ["judge", "NOT_STARTED"],
  ]);
});
