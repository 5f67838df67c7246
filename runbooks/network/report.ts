import { stat } from "node:fs/promises";
import { z } from "zod";
import { fileError } from "../../contract/file-error.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import { FoundHalf } from "../../contract/validate-half.ts";
import { ValidateReport } from "../../contract/validate-report.ts";
import { runbook, step } from "../runbook.ts";
import { joinHalves } from "./join.ts";
import { judge } from "./judge.ts";
import { Observations } from "./observations.ts";
import { observe } from "./observe.ts";
import {
  observeCommands,
  observing,
  partiesInWords,
  presentValidation,
  timeoutMs,
  validateStage,
  waitMinutes,
} from "./validate.ts";

const Inputs = z.strictObject({
  stage: validateStage,
  timeoutMs,
  waitMinutes,
  maxAgeMinutes: z.coerce
    .number<number>()
    .int()
    .min(1)
    .max(10_080)
    .default(15)
    .describe("the oldest half that counts, by when its probing began"),
  published: z.boolean().default(false).describe("take one's own parties' halves as published too, and ask no cluster"),
  from: z.string().min(1).optional().describe("a folder that holds the halves (default: each party's public vault)"),
});

/** The truth of n × (n - 1) links from first hand: what each party saw of itself, signed, and what can be seen from here. */
export default runbook({
  name: "report",
  summary:
    "Join what every party saw of its own links into one report: own parties are probed, the others' signed halves are verified.",
  risk: "read-only",
  joinsOthers: true,
  systems: ["zama-kms"],
  inputs: Inputs,
  async plan(context) {
    const { inputs, manifest } = context;
    if (inputs.from !== undefined) await requireFolder(inputs.from);
    const own = inputs.published ? [] : context.parties;
    const others = manifest.parties.filter(({ id }) => !own.some(({ outputs }) => outputs.partyId === id));
    const rules = { stage: inputs.stage, maxAgeMs: inputs.maxAgeMinutes * 60_000, folder: inputs.from };
    return [
      step({
        id: "observe",
        does: own.length === 0 ? "probe nothing from here" : `ask ${partiesInWords(own, manifest)} at once`,
        commands: own.flatMap((party) => observeCommands(party, observing(inputs), manifest)),
        repeat: "safe",
        evidence: Observations,
        run: ({ signal }) => observe({ ...context, parties: own }, observing(inputs), signal),
      }),
      step({
        id: "halves",
        does: `fetch and verify the halves of ${others.length} of ${manifest.parties.length} parties, none older than ${inputs.maxAgeMinutes} min`,
        repeat: "safe",
        evidence: z.array(FoundHalf),
        run: async ({ signal }) => {
          let answered = 0;
          const found = await Promise.all(
            others.map(async ({ id }) => {
              const half = await context.readHalf(id, rules);
              answered += 1;
              context.progress(`${answered} of ${others.length} halves looked for`);
              return half;
            }),
          );
          // What was not waited for is no finding about its party.
          signal.throwIfAborted();
          return found;
        },
      }),
      step({
        id: "judge",
        does: `judge ${manifest.parties.length * (manifest.parties.length - 1)} links`,
        repeat: "safe",
        evidence: ValidateReport,
        run: async ({ evidence }) =>
          judge(joinHalves(evidence("observe", Observations), evidence("halves", z.array(FoundHalf)))),
      }),
    ];
  },
  report: ({ evidence }) => presentValidation(evidence("judge", ValidateReport)),
});

/** Where all halves come from here nobody reads it, and a name that was mistyped would not be noticed. */
async function requireFolder(path: string): Promise<void> {
  const found = await stat(path).catch((failure: unknown) => {
    throw fileError(failure, path) ?? failure;
  });
  if (found.isDirectory()) return;
  throw new OperatorError({
    code: "FILE_UNUSABLE",
    what: "halves are read from a folder",
    found: `${path}, which is none`,
    expected: "a folder with a file party-<id>.half.jws of each party",
    next: "npx quorate report --help",
  });
}
