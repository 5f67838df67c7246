import { parseArgs } from "node:util";
import { OperatorError } from "../../contract/operator-error.ts";
import { printable } from "../../contract/printable.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { type Changes, Fleet, type FleetEvent } from "../../fleet/driver.ts";
import { outputsMissing, readAllOutputs } from "../../fleet/outputs.ts";
import type { PartyStack } from "../../fleet/party-stacks.ts";
import { inWaves } from "../../fleet/waves.ts";
import { interruptSignal } from "../../runbooks/interrupt.ts";
import { networkLine } from "../../runbooks/network-line.ts";
import { openTerminal } from "../../runbooks/terminal.ts";
import { settleParty } from "../../stacks/party-settings.ts";
import { readPeerCards } from "../../stacks/peer-cards.ts";
import { manifestPath } from "../../stacks/project.ts";
import { changeList, changeRows, countText } from "../changes-text.ts";
import { EngineWarnings } from "../engine-warnings.ts";
import { nextAfterUp } from "../next-after-up.ts";
import { chooseParties, partyOptions } from "../party-choice.ts";
import { isViolated, markdownFindings, policyFindings, renderFindings } from "../policy-report.ts";
import { openSession, type Session } from "../session.ts";
import { colours, renderTable, terminal } from "../terminal.ts";

const options = {
  network: { type: "string" },
  ...partyOptions,
  format: { type: "string", default: "table" },
} as const;
const changeOptions = { ...options, verbose: { type: "boolean" } } as const;

export async function preview(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: changeOptions });
  const session = await openSession({ network: values.network });
  const format = chooseFormat(values.format, ["table", "json", "markdown"]);
  const changes = await runFleet(session, await chooseParties(session, values), "preview");
  terminal.print(renderChanges(session, "preview", changes, format, values.verbose));
  return exitCodeOf(changes);
}

export async function up(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { ...changeOptions, yes: { type: "boolean" } } });
  const session = await openSession({ network: values.network });
  const format = chooseFormat(values.format, ["table", "json"]);
  const parties = await chooseParties(session, values);
  const warnings = new EngineWarnings();
  const planned = await runFleet(session, parties, "preview", warnings);
  if (planned.every((party) => !hasChanges(party))) {
    return await endUp(session, parties, planned, { format, verbose: values.verbose });
  }
  // What a rule refuses in one party keeps all of them from changing.
  if (isViolated(planned)) {
    terminal.print(renderChanges(session, "preview", planned, format, values.verbose));
    return exitCodes.failed;
  }
  if (!values.yes) {
    process.stderr.write(
      `${printable(renderChanges(session, "preview", planned, "table", values.verbose), { colours: terminal.colour })}\n`,
    );
    await confirm(session);
  }
  const changes = await runFleet(session, parties, "up", warnings);
  return await endUp(session, parties, changes, { format, verbose: values.verbose });
}

/** Shows what was done, lets the peers know, and says what to do next. */
async function endUp(
  session: Session,
  parties: PartyStack[],
  changes: Changes[],
  { format, verbose }: { format: string; verbose: boolean | undefined },
): Promise<number> {
  terminal.print(renderChanges(session, "up", changes, format, verbose));
  for (const { unwritten } of changes)
    if (unwritten !== undefined) process.stderr.write(`${new OperatorError(unwritten).render()}\n`);
  const brought = await (await import("../publish-cards.ts")).publishAfterUp(session, parties);
  if (format === "table" && !isViolated(changes)) terminal.print(nextAfterUp(brought).join("\n"));
  return exitCodeOf(changes);
}

export async function outputs(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options });
  const session = await openSession({ network: values.network });
  const format = chooseFormat(values.format, ["table", "json"]);
  const fleet = new Fleet(session);
  const { found: all, missing } = await readAllOutputs(() => fleet.workDir(), await chooseParties(session, values));
  if (missing.length > 0) throw outputsMissing(missing, { all: values.all === true && all.length === 0 });
  if (format === "json") {
    terminal.print(JSON.stringify({ schema: "quorate/outputs/v1", network: session.network, parties: all }, null, 2));
    return exitCodes.ok;
  }
  terminal.print(networkLine(session.manifest, { bold: colours.bold }));
  for (const { absent, trustedReleases, ...fields } of all) {
    const releases = trustedReleases.map(({ version, pcr0 }) => `${version} (PCR0 ${pcr0.slice(0, 8)}…)`);
    const rows = Object.entries({ ...fields, trustedReleases: releases.join(", ") }).flatMap(([field, value]) =>
      value === null ? [[`  ${field}`, `none: ${absent[field]}`]] : outputRows(`  ${field}`, value),
    );
    terminal.print(`\nparty ${fields.partyId}\n${renderTable(rows)}`);
  }
  return exitCodes.ok;
}

/** The engine over all given parties, four at a time, with one progress line. */
export async function runFleet(
  session: Session,
  parties: PartyStack[],
  operation: "preview" | "up",
  warnings = new EngineWarnings(),
): Promise<Changes[]> {
  await checkParties(session, parties);
  // Fleet asks too; here before the first word about an engine.
  await session.ready();
  const interrupt = interruptSignal();
  interrupt.signal.addEventListener("abort", () =>
    terminal.progress("stopping: the engine finishes what it has begun; once more to stop at once"),
  );
  // Loads the engine's own packages, which no other command needs.
  const { packFolder, startAnalyzer } = await import("../../policies/analyzer.ts");
  const analyzer = await startAnalyzer();
  const policies = { pack: packFolder, port: analyzer.port };
  const fleet = new Fleet({ ...session, signal: interrupt.signal, policies });
  const seen = new Set<string>();
  let ended = 0;
  const word = operation === "preview" ? "previewing" : "bringing up";
  const show = () => {
    terminal.progress(
      `${word} ${parties.length === 1 ? `party ${parties[0]?.partyId}` : `${parties.length} parties`}: ${seen.size} resources, ${ended} of ${parties.length} done`,
    );
  };
  const listen = (party: PartyStack) => (event: FleetEvent) => {
    if (event.kind === "resource") {
      // A replacement is told in several steps.
      seen.add(`${party.partyId} ${event.urn}`);
      if (process.stderr.isTTY) show();
    } else if (event.severity === "warning") {
      const text = warnings.text(party.partyId, event.message);
      if (text === undefined) return;
      terminal.endProgress();
      process.stderr.write(`${text}\n`);
    }
  };
  show();
  const changes = await inWaves(parties, 4, async (party) => {
    const result = await fleet[operation](party, listen(party));
    ended++;
    show();
    return result;
  }).finally(() => {
    interrupt.dispose();
    analyzer.close();
  });
  terminal.endProgress();
  return changes;
}

/** What the party program would refuse is told before the engine starts, and before any other party changes. */
async function checkParties(session: Session, parties: PartyStack[]): Promise<void> {
  const { manifest, manifestDigest: digest, stacksDir, network } = session;
  const file = { manifest, digest, path: manifestPath(stacksDir, network) };
  for (const party of parties) {
    const peers = await readPeerCards(stacksDir, file, party.partyId);
    await settleParty(party.config, file, party.configPath, peers);
  }
}

async function confirm(session: Session): Promise<void> {
  if (!terminal.canAsk)
    throw new OperatorError({
      code: "CONFIRMATION_NEEDED",
      what: `network ${session.network}: there are changes, and no one to ask`,
      found: "no terminal",
      expected: "a person who answers, or --yes after reading the preview",
      next: "repeat the command with --yes",
      exitCode: exitCodes.refused,
    });
  const { ask } = openTerminal({ output: process.stderr });
  const interrupt = interruptSignal();
  const answer = await ask(`bring these changes to network ${session.network}? (y/N) `, interrupt.signal).finally(
    interrupt.dispose,
  );
  if (!/^y(es)?$/i.test(answer?.trim() ?? ""))
    throw new OperatorError({
      code: "NOT_CONFIRMED",
      what: "nothing was changed",
      found: answer?.trim() ? `the answer ${JSON.stringify(answer.trim())}` : "no answer",
      expected: "y or yes",
      next: "repeat the command when you are sure",
      exitCode: exitCodes.refused,
    });
}

export function hasChanges(changes: Changes): boolean {
  return changes.resources.length > 0;
}

export function exitCodeOf(changes: Changes[]): number {
  const isWhole = changes.every(({ unwritten }) => unwritten === undefined);
  return isViolated(changes) || !isWhole ? exitCodes.failed : exitCodes.ok;
}

function renderChanges(
  session: Session,
  report: "preview" | "up",
  changes: Changes[],
  format: string,
  verbose = false,
): string {
  const changed = changes.filter(hasChanges);
  const findings = policyFindings(changes);
  const refused = new Set(findings.filter(({ code }) => code === "POLICY_VIOLATED").map(({ party }) => party)).size;
  const count =
    changed.length === 0
      ? "no changes"
      : `${changed.length} of ${changes.length} parties ${report === "up" ? "changed" : "change"}`;
  const verdict = refused === 0 ? count : `${count}; policies refuse ${refused} of ${changes.length} parties`;
  if (format === "json")
    return JSON.stringify(
      {
        schema: `quorate/${report}/v1`,
        network: session.network,
        verdict: exitCodeOf(changes) === exitCodes.ok ? "OK" : "FAIL",
        findings,
        changed: changed.length,
        parties: changes.map(({ policies, ...party }) => party),
      },
      null,
      2,
    );
  const rows = changes.map((party) => [
    `party ${party.partyId}`,
    party.stackName,
    countText(party, report),
    `${(party.durationMs / 1000).toFixed(1)} s`,
  ]);
  if (format === "markdown")
    return [
      `### Quorate ${report}: network ${session.network}, ${verdict}`,
      "",
      `manifest \`${session.manifestDigest}\``,
      "",
      "| party | stack | changes | time |",
      "| --- | --- | --- | --- |",
      ...rows.map((row) => `| ${row.join(" | ")} |`),
      ...(findings.length > 0 ? ["", ...markdownFindings(findings)] : []),
      ...changed.flatMap((party) => [
        "",
        `<details><summary>party ${party.partyId}: ${countText(party, report)}</summary>`,
        "",
        ...changeList(party.resources),
        "",
        "</details>",
      ]),
    ].join("\n");
  return [
    networkLine(session.manifest, { rest: `manifest ${session.manifestDigest.slice(0, 19)}`, bold: colours.bold }),
    ...changeRows(changes, { verbose, isDone: report === "up" }),
    renderTable(rows),
    ...renderFindings(findings),
    verdict,
  ].join("\n");
}

/** One row per leaf: `publicVault.url`. */
function outputRows(name: string, value: unknown): string[][] {
  if (Array.isArray(value)) return [[name, value.join(", ")]];
  if (typeof value !== "object" || value === null) return [[name, String(value)]];
  return Object.entries(value).flatMap(([key, field]) => outputRows(`${name}.${key}`, field));
}

export function chooseFormat<const F extends string>(format: string, known: readonly F[]): F {
  const found = known.find((name) => name === format);
  if (found !== undefined) return found;
  throw new OperatorError({
    code: "FORMAT_UNKNOWN",
    what: `there is no format "${format}" here`,
    found: format,
    expected: known.join(", "),
    next: `repeat the command with --format ${known[0]}`,
  });
}
