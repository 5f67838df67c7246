import type {
  BandwidthBaseline,
  BandwidthReport,
  BaselineLink,
  BenchedLink,
  BenchLoad,
  LinkBandwidth,
  PartyBench,
} from "../../contract/bandwidth-report.ts";
import { type Finding, fail, ok, summarise, unknown, type Verdict } from "../../contract/verdict.ts";

/** Cores tell latency in whole milliseconds: below this, twice as long is nothing. */
const latencySlackMs = 5;

/** Everything that the judgement rests on. */
export interface BandwidthSights {
  network: string;
  environment: string;
  manifestDigest: string;
  contextId: string;
  load: BenchLoad;
  limits: BandwidthReport["limits"];
  baselineFile: string;
  recorded: boolean;
  /** All parties of the network. */
  peers: readonly number[];
  benches: readonly PartyBench[];
  baseline: BandwidthBaseline | null;
}

/** From what the cores measured to what it means. Pure: the same sights give the same report. */
export function judgeBandwidth(seen: BandwidthSights): BandwidthReport {
  const links = seen.benches.flatMap((bench) =>
    seen.peers.filter((to) => to !== bench.partyId).map((to) => judgeLink(bench, to, seen)),
  );
  const parties = seen.benches.map(({ partyId, name }) => ({
    partyId,
    name,
    verdict: summarise(links.filter(({ from }) => from === partyId).map(({ verdict }) => verdict)),
  }));
  const { network, environment, manifestDigest, contextId, load, limits, baselineFile, recorded } = seen;
  const starts = seen.benches.map(({ startedAt }) => startedAt).sort();
  const ends = seen.benches.map(({ startedAt, durationMs }) => Date.parse(startedAt) + durationMs);
  const startedAt = starts[0] ?? new Date(0).toISOString();
  return {
    schema: "quorate/bandwidth/v1",
    network,
    environment,
    verdict: summarise(links.map(({ verdict }) => verdict)),
    findings: [
      ...slowFindings(links, seen),
      ...silenceFindings(seen),
      ...unansweredFindings(links),
      ...uncompared(links, seen),
    ],
    startedAt,
    durationMs: Math.max(0, ...ends.map((end) => end - Date.parse(startedAt))),
    manifestDigest,
    contextId,
    load,
    limits,
    baselineFile,
    recorded,
    partiesTotal: seen.peers.length,
    parties,
    peers: [...seen.peers],
    linksMeasured: links.filter(({ measured }) => measured !== null).length,
    linksCompared: links.filter(({ baseline, measured }) => baseline !== null && measured !== null).length,
    links,
  };
}

const unanswered = "not every payload was acknowledged; the bytes that its core counted need not have arrived";
const noBaseline = "there is no baseline of it";

function judgeLink(bench: PartyBench, to: number, seen: BandwidthSights): LinkBandwidth {
  const { partyId: from, startedAt: at, answer } = bench;
  const link = { from, to, at, measured: null, baseline: null };
  if (answer.status === "unknown") return { ...link, verdict: unknown(answer.reason) };
  const found = answer.links.find((one) => one.to === to);
  if (found === undefined) return { ...link, verdict: unknown("its core named no such peer in that MPC context") };
  const { measured } = found;
  if (measured === null) return { ...link, verdict: unknown(unanswered) };
  if (seen.recorded) return { ...link, measured, verdict: ok };
  const before = seen.baseline?.links.find((one) => one.from === from && one.to === to);
  if (before === undefined) return { ...link, measured, verdict: unknown(noBaseline) };
  if (!sameLoad(before.load, seen.load))
    return { ...link, measured, verdict: unknown(`its baseline is of another load: ${loadInWords(before.load)}`) };
  const { at: recordedAt, mibPerSecond, p50Ms, p99Ms } = before;
  const baseline = { at: recordedAt, mibPerSecond, p50Ms, p99Ms };
  return { ...link, measured, baseline, verdict: compared(measured, before, seen.limits) };
}

type Measured = NonNullable<BenchedLink["measured"]>;

function isLow(now: Measured, before: Measured, { leastPercent }: BandwidthReport["limits"]): boolean {
  return now.mibPerSecond < (before.mibPerSecond * leastPercent) / 100;
}

function isLate(now: Measured, before: Measured, { mostFactor }: BandwidthReport["limits"]): boolean {
  return now.p50Ms > before.p50Ms * mostFactor && now.p50Ms - before.p50Ms > latencySlackMs;
}

function compared(now: Measured, before: BaselineLink, limits: BandwidthReport["limits"]): Verdict {
  const words = inWords(now, before);
  if (isLow(now, before, limits)) return fail("BANDWIDTH_LOW", words);
  return isLate(now, before, limits) ? fail("LATENCY_HIGH", words) : ok;
}

function inWords(now: Measured, before: Measured & { at: string }): string {
  return `${rate(now.mibPerSecond)} MiB/s at ${now.p50Ms} ms, on ${before.at.slice(0, 10)} ${rate(before.mibPerSecond)} MiB/s at ${before.p50Ms} ms`;
}

export function rate(value: number): string {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

function sameLoad(one: BenchLoad, other: BenchLoad): boolean {
  // How long it took does not change how fast it was.
  return one.sessions === other.sessions && one.payloadBytes === other.payloadBytes && one.together === other.together;
}

export function loadInWords({ durationSeconds, sessions, payloadBytes, together }: BenchLoad): string {
  return `${sessions} session${sessions === 1 ? "" : "s"} of ${bytesInWords(payloadBytes)} to each peer for ${durationSeconds} s, ${together ? "all parties at once" : "one party after the other"}`;
}

export function bytesInWords(bytes: number): string {
  for (const [unit, size] of [
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
    ["KiB", 2 ** 10],
  ] as const)
    if (bytes >= size) return `${Number((bytes / size).toFixed(1))} ${unit}`;
  return `${bytes} bytes`;
}

/* What to do about it. */

/** One finding for a party all of whose links, in or out, are slow; else one for each party that they come from. */
function slowFindings(links: readonly LinkBandwidth[], { limits }: BandwidthSights): Finding[] {
  const kinds = [
    { code: "BANDWIDTH_LOW", is: isLow, expected: `at least ${limits.leastPercent} % of the baseline` },
    { code: "LATENCY_HIGH", is: isLate, expected: `at most ${limits.mostFactor} times the baseline's latency` },
  ];
  const measured = links.flatMap((link) =>
    link.measured && link.baseline ? [{ ...link, now: link.measured, before: link.baseline }] : [],
  );
  return kinds.flatMap(({ code, is, expected }) => {
    const slow = measured.filter(({ now, before }) => is(now, before, limits));
    const parties = [...new Set(measured.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
    const whole = parties.flatMap((party) =>
      (["to", "from"] as const).flatMap((end) => {
        const all = measured.filter((link) => link[end] === party);
        return all.length >= 2 && all.every((link) => slow.includes(link)) ? [{ party, end, all }] : [];
      }),
    );
    // A party to which all is slow explains a link of each of the others.
    const told: typeof slow = [];
    const finding = (party: number, field: string, of: typeof slow): Finding => ({
      code,
      party,
      field,
      found: of.map(({ from, to, now, before }) => `${from}→${to}: ${inWords(now, before)}`).join("\n"),
      expected,
      next: "repeat it at a quiet hour; npx quorate validate tells the way of each link; where this is how it is from now on: npx quorate run bandwidth --record-baseline",
    });
    const wholes = whole.flatMap(({ party, end, all }) => {
      if (all.every((link) => told.includes(link))) return [];
      told.push(...all);
      return [finding(party, `every link ${end} party ${party}`, all)];
    });
    const rest = Map.groupBy(
      slow.filter((link) => !told.includes(link)),
      ({ from }) => from,
    );
    return [...wholes, ...[...rest].map(([from, of]) => finding(from, `links from party ${from}`, of))];
  });
}

const silenceAdvice: Record<Extract<PartyBench["answer"], { status: "unknown" }>["code"], string> = {
  BENCH_BUSY: "repeat the command when that bench is over: npx quorate run bandwidth",
  BENCH_NOT_IN_CORE: "measure when all parties run a release that has it",
  BENCH_NOT_IN_TOOL: "set coreClient.image in the network's manifest to the version of the cores, then: npx quorate up",
  BENCH_REFUSED:
    "ask for less: npx quorate run bandwidth --help; or raise [bandwidth_benchmark] in the core's configuration",
  BENCH_CONTEXT_UNKNOWN:
    "name a context that the core takes part in, as kms-health-check live lists them: npx quorate run bandwidth --context <id>",
  CORE_CLIENT_MISSING: "set quorate:coreClient in the party's stack file, then: npx quorate up",
  COULD_NOT_TELL: "npx quorate run cluster-check",
};

function silenceFindings({ benches }: BandwidthSights): Finding[] {
  return benches.flatMap(({ partyId, answer }): Finding[] =>
    answer.status === "seen"
      ? []
      : [
          {
            code: answer.code,
            party: partyId,
            field: `links from party ${partyId}`,
            found: answer.reason,
            expected: "its core's own measurement",
            next: silenceAdvice[answer.code],
          },
        ],
  );
}

/** Links that a core tells of, and that gave no answer. Where none to a party did, it is that party's. */
function unansweredFindings(links: readonly LinkBandwidth[]): Finding[] {
  const isSilent = ({ verdict }: LinkBandwidth) => verdict.status === "UNKNOWN" && verdict.reason === unanswered;
  const told = links.filter((link) => link.measured !== null || isSilent(link));
  const toSilent = [...Map.groupBy(told, ({ to }) => to)].filter(([, of]) => of.length >= 2 && of.every(isSilent));
  const finding = (party: number, field: string, to: string): Finding => ({
    code: "COULD_NOT_TELL",
    party,
    field,
    found: `${to}: ${unanswered}`,
    expected: "each payload acknowledged",
    next: "npx quorate validate",
  });
  const silentParties = toSilent.map(([to]) => to);
  const rest = links.filter((link) => isSilent(link) && !silentParties.includes(link.to));
  return [
    ...toSilent.map(([to, of]) =>
      finding(to, `links to party ${to}`, `from parties ${of.map(({ from }) => from).join(", ")}`),
    ),
    ...[...Map.groupBy(rest, ({ from }) => from)].map(([from, of]) =>
      finding(
        from,
        `links from party ${from}`,
        `to part${of.length === 1 ? "y" : "ies"} ${of.map(({ to }) => to).join(", ")}`,
      ),
    ),
  ];
}

/** What was measured and compared with nothing is not known to be as it should be. */
function uncompared(links: readonly LinkBandwidth[], { baselineFile, load, baseline }: BandwidthSights): Finding[] {
  const without = links.filter(({ measured, verdict }) => measured !== null && verdict.status === "UNKNOWN");
  if (without.length === 0) return [];
  const reasons = Map.groupBy(without, ({ verdict }) => (verdict.status === "UNKNOWN" ? verdict.reason : ""));
  return [
    {
      code: "NOT_COMPARED",
      party: null,
      field: `${without.length} of ${links.length} links`,
      found:
        baseline === null
          ? `there is no ${baselineFile}`
          : [...reasons]
              .map(([reason, of]) => `${of.map(({ from, to }) => `${from}→${to}`).join(", ")}: ${reason}`)
              .join("\n"),
      expected: `a baseline of each link, with ${loadInWords(load)}`,
      next: `if the network is as it should be now: npx quorate run bandwidth --record-baseline, then commit ${baselineFile}`,
    },
  ];
}

/** The baseline with what was measured now; links that were not keep what was recorded of them. */
export function newBaseline(
  { network, load, links }: BandwidthReport,
  before: BandwidthBaseline | null,
): BandwidthBaseline {
  const now = links.flatMap(({ from, to, at, measured }) => (measured ? [{ from, to, at, load, ...measured }] : []));
  const kept = (before?.links ?? []).filter(
    ({ from, to }) => !now.some((link) => link.from === from && link.to === to),
  );
  return {
    schema: "quorate/bandwidth-baseline/v1",
    network,
    links: [...kept, ...now].sort((a, b) => a.from - b.from || a.to - b.to),
  };
}
