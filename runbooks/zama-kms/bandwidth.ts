import { z } from "zod";
import { BandwidthBaseline, BandwidthReport, type BenchLoad, PartyBench } from "../../contract/bandwidth-report.ts";
import { readJson } from "../../contract/json-text.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import { parse } from "../../contract/parse.ts";
import type { KeptFile, PartyAccess } from "../context.ts";
import { chosenParties } from "../network/validate.ts";
import { runbook, type Step, step } from "../runbook.ts";
import {
  renderBandwidthJunit,
  renderBandwidthMarkdown,
  renderBandwidthPrometheus,
  renderBandwidthText,
} from "./bandwidth-text.ts";
import { bytesInWords, judgeBandwidth, loadInWords, newBaseline } from "./judge-bandwidth.ts";
import { benchCommand, measureFrom } from "./measure-bandwidth.ts";

/**
 * What a core takes where its configuration says nothing of its own.
 * @see https://github.com/zama-ai/kms/blob/main/core/service/src/conf/mod.rs BandwidthBenchmarkConfig
 */
const most = { seconds: 60, sessions: 256, payloadBytes: 2 ** 28, totalBytes: 2 ** 30 };
/** The context that a core makes of its peer list at every start. */
const defaultContextId = `07${"0".repeat(61)}1`;

const Inputs = z
  .strictObject({
    duration: z.coerce
      .number<number>()
      .int()
      .min(1)
      .max(most.seconds)
      .default(10)
      .describe("seconds for which each party sends; its core tells them as a whole number"),
    sessions: z.coerce
      .number<number>()
      .int()
      .min(1)
      .max(most.sessions)
      .default(4)
      .describe("how many at once send to each peer, each waiting until its payload is acknowledged"),
    payload: z.coerce
      .number<number>()
      .int()
      .min(1024)
      .max(most.payloadBytes)
      .default(2 ** 18)
      .describe("bytes that a session sends at a time"),
    context: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "an id of KMS Core is 64 lower-case hex digits")
      .default(defaultContextId)
      .describe("MPC context whose parties are peers"),
    together: z.boolean().default(false).describe("all parties at once, as in a ceremony, not one after the other"),
    recordBaseline: z
      .boolean()
      .default(false)
      .describe("write what is measured to baselines/<network>.bandwidth.json, and compare with nothing"),
    leastPercent: z.coerce
      .number<number>()
      .int()
      .min(1)
      .max(100)
      .default(50)
      .describe("share of its baseline below which a link is a finding"),
    mostFactor: z.coerce
      .number<number>()
      .min(1)
      .max(100)
      .default(2)
      .describe("how many times its baseline a link's latency may be"),
    parties: z
      .array(z.coerce.number<number>().int().min(1))
      .min(1)
      .optional()
      .describe("measure only from these (default all for which credentials are held)"),
  })
  .refine(({ sessions, payload }) => sessions * payload <= most.totalBytes, {
    message: `all sessions together send ${bytesInWords(most.totalBytes)} at a time at the most`,
    path: ["payload"],
  });

const Benches = z.array(PartyBench);
const BaselineSight = z.strictObject({ baseline: BandwidthBaseline.nullable() });

/** Has cores measure their own links. What it leaves behind is a file; what it puts on the links, the plan says. */
export default runbook({
  name: "bandwidth",
  summary: "Have each core measure its links to all peers, and compare rate and latency with the recorded baseline.",
  risk: "reversible",
  riskWith: { together: "disruptive" },
  systems: ["zama-kms"],
  inputs: Inputs,
  async plan(context) {
    const { inputs, manifest } = context;
    const asked = chosenParties(context.parties, inputs.parties);
    const peers = manifest.parties.map(({ id }) => id as number);
    const load: BenchLoad = {
      durationSeconds: inputs.duration,
      sessions: inputs.sessions,
      payloadBytes: inputs.payload,
      together: inputs.together,
    };
    const kept = context.baseline("bandwidth");
    // One that can not be read is told before anything is sent.
    await readBaseline(kept, manifest.network);
    const measuring = { contextId: inputs.context, load };
    const measure = (party: PartyAccess, signal: AbortSignal) => measureFrom(party, measuring, context, signal);
    const benches = benchSteps(asked, { ...measuring, links: peers.length - 1, measure });
    const read = step({
      id: "compare",
      does: `read ${kept.path}`,
      repeat: "safe",
      evidence: BaselineSight,
      run: async () => ({ baseline: await readBaseline(kept, manifest.network) }),
    });
    const judge = step({
      id: "judge",
      does: inputs.recordBaseline
        ? `take ${asked.length * (peers.length - 1)} links as they are`
        : `compare ${asked.length * (peers.length - 1)} links: at least ${inputs.leastPercent} % of the rate, at most ${inputs.mostFactor} times the latency`,
      repeat: "safe",
      evidence: BandwidthReport,
      run: async ({ evidence }) =>
        judgeBandwidth({
          network: manifest.network,
          environment: manifest.environment,
          manifestDigest: context.manifestDigest,
          ...measuring,
          limits: { leastPercent: inputs.leastPercent, mostFactor: inputs.mostFactor },
          baselineFile: kept.path,
          recorded: inputs.recordBaseline,
          peers,
          benches: benches.flatMap(({ id }) => evidence(id, Benches)),
          ...evidence("compare", BaselineSight),
        }),
    });
    const record = step({
      id: "record",
      does: `write ${kept.path}: what was measured replaces what is recorded of those links, the others stay`,
      repeat: "safe",
      evidence: z.strictObject({ links: z.int() }),
      run: async ({ evidence }) => {
        const report = evidence("judge", BandwidthReport);
        if (report.linksMeasured === 0) return { links: 0 };
        const { links, ...rest } = newBaseline(report, evidence("compare", BaselineSight).baseline);
        // A line for each link, so that a change of the file can be read.
        const lines = links.map((link) => `    ${JSON.stringify(link)}`).join(",\n");
        const head = JSON.stringify(rest, null, 2).replace(/\n\}$/, "");
        await kept.replace(`${head},\n  "links": [\n${lines}\n  ]\n}\n`);
        return { links: links.length };
      },
    });
    return [...benches, read, judge, ...(inputs.recordBaseline ? [record] : [])];
  },
  report({ evidence }) {
    const json = evidence("judge", BandwidthReport);
    return {
      json,
      text: (style) => renderBandwidthText(json, style),
      markdown: () => renderBandwidthMarkdown(json),
      junit: () => renderBandwidthJunit(json),
      prometheus: () => renderBandwidthPrometheus(json),
    };
  },
});

interface Benching {
  contextId: string;
  load: BenchLoad;
  /** Of one party. */
  links: number;
  measure(party: PartyAccess, signal: AbortSignal): Promise<PartyBench>;
}

/** One step for each party, so that a run that is resumed measures none twice; one for all where they are to be at it at once. */
function benchSteps(asked: readonly PartyAccess[], { contextId, load, links, measure }: Benching): Step[] {
  const commandOf = ({ outputs }: PartyAccess) =>
    `kubectl ${benchCommand(outputs, contextId, load).join(" ")}   # party ${outputs.partyId}`;
  const least = (parties: number) => bytesInWords(parties * links * load.sessions * load.payloadBytes);
  const traffic = (parties: number) =>
    `at least ${least(parties)} in all, at most what the links carry in ${load.durationSeconds} s`;
  if (load.together && asked.length > 0)
    return [
      step({
        id: "measure",
        does: `have all ${asked.length} cores send at once, ${loadInWords(load)}: ${traffic(asked.length)}`,
        commands: asked.map(commandOf),
        repeat: "safe",
        evidence: Benches,
        run: ({ signal }) => Promise.all(asked.map((party) => measure(party, signal))),
      }),
    ];
  return asked.map((party) =>
    step({
      id: `measure-${party.outputs.partyId}`,
      does: `have the core of party ${party.outputs.partyId} send to ${links} peers for ${load.durationSeconds} s, in ${load.sessions} sessions of ${bytesInWords(load.payloadBytes)} each: ${traffic(1)}`,
      commands: [commandOf(party)],
      repeat: "safe",
      evidence: Benches,
      run: async ({ signal }) => [await measure(party, signal)],
    }),
  );
}

async function readBaseline(kept: KeptFile, network: string): Promise<BandwidthBaseline | null> {
  const text = await kept.read();
  if (text === undefined) return null;
  const source = {
    code: "BASELINE_INVALID",
    what: `${kept.path} is not what a baseline looks like`,
    next: `git checkout ${kept.path}; or move it away, and record another: npx quorate run bandwidth --record-baseline`,
  };
  const baseline = parse(BandwidthBaseline, readJson(text), source);
  if (baseline.network === network) return baseline;
  throw new OperatorError({
    code: "BASELINE_INVALID",
    what: `${kept.path} is not of this network`,
    found: `network ${baseline.network}`,
    expected: `network ${network}`,
    next: `move it away`,
  });
}
