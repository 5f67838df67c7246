import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { halfFileEnding } from "../../fleet/halves.ts";
import { networkLine } from "../../runbooks/network-line.ts";
import { replaceFile } from "../../stacks/text-file.ts";
import { chooseParties, partyOptions } from "../party-choice.ts";
import { publishHalves, type SignedHalf, signHalves, validationToSign } from "../publish-halves.ts";
import { openSession, type Session } from "../session.ts";
import { stoppable } from "../stoppable.ts";
import { colours, terminal } from "../terminal.ts";
import { chooseFormat } from "./stacks.ts";

const options = {
  network: { type: "string" },
  format: { type: "string", default: "table" },
  run: { type: "string" },
  ...partyOptions,
} as const;

/** What each party saw of its own links, signed, for the others to join. */
export async function reports(args: string[]): Promise<number> {
  const [word = "", ...rest] = args;
  if (word === "publish") return await publish(rest);
  if (word === "export") return await exportHalves(rest);
  throw new OperatorError({
    code: "ARGUMENT_INVALID",
    what: word === "" ? "what is to be done with reports?" : `reports can not be "${word}"`,
    found: word || "no word",
    expected: "publish, export",
    next: "npx quorate reports --help",
  });
}

async function publish(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options });
  const format = chooseFormat(values.format, ["table", "json"]);
  const work = {
    what: "publishing halves",
    expected: "the half of each party that was asked for; each is published whole, or not at all",
    next: "repeat the command: npx quorate reports publish",
  };
  const { session, halves, urls } = await stoppable(work, async (signal) => {
    const signed = await sign(values, signal);
    terminal.progress("publishing");
    return { ...signed, urls: await publishHalves(signed.halves, signal) };
  });
  tell(session, format, "publish", halves, urls);
  return exitCodes.ok;
}

/** The signed halves as files: for a repository, or whatever else parties exchange them by. */
async function exportHalves(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { ...options, to: { type: "string", default: "." } } });
  const format = chooseFormat(values.format, ["table", "json"]);
  const work = {
    what: "exporting halves",
    expected: "the half of each party that was asked for; none was written",
    next: "repeat the command: npx quorate reports export",
  };
  const { session, halves } = await stoppable(work, (signal) => sign(values, signal));
  const target = resolve(values.to);
  await mkdir(target, { recursive: true });
  const paths = halves.map(({ outputs }) => join(target, `party-${outputs.partyId}${halfFileEnding}`));
  for (const [index, { jws }] of halves.entries()) await replaceFile(paths[index] ?? "", `${jws}\n`);
  tell(session, format, "export", halves, paths);
  return exitCodes.ok;
}

interface Chosen {
  network?: string | undefined;
  run?: string | undefined;
  party?: string[] | undefined;
  all?: boolean | undefined;
}

async function sign(values: Chosen, signal: AbortSignal): Promise<{ session: Session; halves: SignedHalf[] }> {
  const session = await openSession({ network: values.network });
  const parties = await chooseParties(session, values);
  const validation = await validationToSign(session, values.run);
  terminal.progress("signing");
  return { session, halves: await signHalves(session, parties, validation, signal) };
}

/** Says what was signed, and where it went. */
export function tell(
  session: Session,
  format: "table" | "json",
  action: "publish" | "export",
  halves: readonly SignedHalf[],
  places: readonly string[],
): void {
  if (format === "json") {
    const parties = halves.map(({ outputs, runId, stage, seenAt }, index) => {
      return { partyId: outputs.partyId, runId, stage, seenAt, place: places[index] };
    });
    const { network } = session;
    terminal.print(
      JSON.stringify({ schema: "quorate/halves/v1", action, network, verdict: "OK", findings: [], parties }, null, 2),
    );
    return;
  }
  terminal.print(networkLine(session.manifest, { bold: colours.bold }));
  for (const [index, { outputs, seenAt, stage }] of halves.entries())
    terminal.print(
      [
        `party ${outputs.partyId}: its half of ${seenAt.slice(0, 19).replace("T", " ")}Z, stage ${stage}, was ${action === "publish" ? "published" : "written"}`,
        `  ${places[index]}`,
      ].join("\n"),
    );
  terminal.print("next  npx quorate report, at whoever wants the whole");
}
