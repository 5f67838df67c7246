import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Answer } from "../../contract/answer.ts";
import type { CollectManifest } from "../../contract/collect-manifest.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { inWaves } from "../../fleet/waves.ts";
import type { PartyAccess } from "../../runbooks/context.ts";
import { networkLine } from "../../runbooks/network-line.ts";
import { namesSecret, redactor } from "../../runbooks/redact.ts";
import { listRuns, readRun } from "../../runbooks/run.ts";
import { openTerminal } from "../../runbooks/terminal.ts";
import { type Collection, collectParty } from "../../runbooks/zama-kms/collect-party.ts";
import {
  type DebugPlan,
  describeDebugPlan,
  planDebugContainer,
  runDebugContainer,
} from "../../runbooks/zama-kms/debug-container.ts";
import { Bundle, type WrittenBundle } from "../bundle.ts";
import { openPartyAccess } from "../party-access.ts";
import { openSession, type Session } from "../session.ts";
import { stoppable } from "../stoppable.ts";
import { colours, renderTable, terminal } from "../terminal.ts";
import { chooseFormat } from "./stacks.ts";

const options = {
  party: { type: "string", multiple: true },
  to: { type: "string", default: "." },
  since: { type: "string" },
  timeout: { type: "string", default: "30000" },
  "debug-container": { type: "boolean" },
  yes: { type: "boolean" },
  network: { type: "string" },
  format: { type: "string", default: "table" },
} as const;

/** Parties at once; each starts a handful of kubectl. */
const atOnce = 3;

export async function collect(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options });
  const format = chooseFormat(values.format, ["table", "json"]);
  const sinceMinutes = values.since === undefined ? undefined : whole("--since", values.since, 1, 525_600);
  const timeoutMs = whole("--timeout", values.timeout, 1_000, 600_000);
  const session = await openSession({ network: values.network });
  const chosen = chosenIds(session, values.party);
  const work = {
    what: `collecting from network ${session.network}`,
    expected: "one bundle; none was written",
    next: "repeat the command",
  };
  const { manifest, written } = await stoppable(work, async (signal) => {
    await using access = await openPartyAccess(session);
    const held = access.parties.filter(({ outputs }) => chosen?.includes(outputs.partyId) ?? true);
    if (held.length === 0) throw noneHere(session, chosen ?? [], access.parties);
    const asked = { chosen, sinceMinutes, timeoutMs, folder: resolve(values.to) };
    const debug = values["debug-container"]
      ? await approveDebugContainers(held, { timeoutMs, signal, yes: values.yes === true })
      : undefined;
    return await pack(session, held, { ...asked, debug }, signal, {
      progress: (text) => terminal.progress(text),
    });
  });
  tell(session, manifest, written, format);
  return manifest.whole ? exitCodes.ok : exitCodes.unknown;
}

interface Packing {
  chosen: number[] | undefined;
  sinceMinutes: number | undefined;
  timeoutMs: number;
  folder: string;
  /** What may be added to the pods, by party; left out: nothing. */
  debug?: ReadonlyMap<number, Answer<DebugPlan>> | undefined;
}

/** A whole bundle, which says what is missing, or none. */
export async function pack(
  session: Session,
  held: readonly PartyAccess[],
  { chosen, sinceMinutes, timeoutMs, folder, debug }: Packing,
  stop: AbortSignal,
  { now = () => new Date(), progress = () => {} }: { now?: () => Date; progress?: (text: string) => void } = {},
): Promise<{ manifest: CollectManifest; written: WrittenBundle }> {
  const startedAt = now().toISOString();
  const stamp = startedAt.replaceAll(/[-:]|\.\d+/g, "");
  const redact = redactor(await knownSecrets(session, held), { named: true });
  await using bundle = await Bundle.begin(folder, `quorate-collect-${session.network}-${stamp}`, redact);
  const signal = AbortSignal.any([stop, bundle.signal]);
  for (const id of chosen ?? [])
    if (!held.some(({ outputs }) => outputs.partyId === id))
      bundle.part("").missing(`party-${id}`, "no stack of this party that was brought up lies here");
  let done = 0;
  await lastValidation(session, bundle);
  await inWaves(held, atOnce, async (party) => {
    const into = bundle.part(`party-${party.outputs.partyId}/`);
    await collectParty(party, into, { timeoutMs, signal, sinceMinutes });
    const plan = debug?.get(party.outputs.partyId);
    if (plan === undefined) bundle.skipped(`party-${party.outputs.partyId}/${nodePath}`, withoutDebug);
    else await lookAtNode(party, plan, into, { timeoutMs, signal });
    done += 1;
    progress(`${done} of ${held.length} parties collected`);
  });
  stop.throwIfAborted();
  const { entries } = bundle;
  const manifest: CollectManifest = {
    schema: "quorate/collect/v1",
    network: session.network,
    environment: session.manifest.environment,
    manifestDigest: session.manifestDigest,
    madeBy: await version(),
    startedAt,
    endedAt: now().toISOString(),
    sinceMinutes: sinceMinutes ?? null,
    parties: held.map(({ outputs: { partyId, partyName: name } }) => ({ partyId, name })),
    whole: entries.every(({ status }) => status !== "missing"),
    entries,
  };
  return { manifest, written: await bundle.finish(manifest) };
}

const nodePath = "core/node.json";
const withoutDebug = "only with --debug-container, which adds a container to the core's pod";

async function lookAtNode(
  party: PartyAccess,
  plan: Answer<DebugPlan>,
  into: Collection,
  asking: { timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  const seen = plan.status === "unknown" ? plan : await runDebugContainer(party, plan.value, asking);
  if (seen.status === "seen") await into.json(nodePath, seen.value);
  else into.missing(nodePath, seen.reason);
}

/** What is to be added to the pods, once a person has said yes to it. */
export async function approveDebugContainers(
  held: readonly PartyAccess[],
  { timeoutMs, signal, yes }: { timeoutMs: number; signal: AbortSignal; yes: boolean },
  asking = openTerminal({ output: process.stderr }),
): Promise<Map<number, Answer<DebugPlan>>> {
  const id = randomBytes(3).toString("hex");
  const plans = await inWaves(
    held,
    atOnce,
    async (party): Promise<[number, Answer<DebugPlan>]> => [
      party.outputs.partyId,
      await planDebugContainer(party, id, { timeoutMs, signal }),
    ],
  );
  const planned = plans.flatMap(([, plan]) => (plan.status === "seen" ? [plan.value] : []));
  if (planned.length === 0) return new Map(plans);
  asking.print(planned.map((plan) => describeDebugPlan(plan, asking.columns)).join("\n"));
  if (yes) return new Map(plans);
  const answer = asking.interactive ? await asking.ask("add them? y/N: ", signal) : null;
  if (answer !== null && /^y(es)?$/i.test(answer.trim())) return new Map(plans);
  throw new OperatorError({
    code: asking.interactive ? "NOT_CONFIRMED" : "CONFIRMATION_NEEDED",
    what: asking.interactive
      ? "no container was added, and nothing collected"
      : "a container is to be added to the core's pod, and nobody can be asked here",
    found: asking.interactive ? answer?.trim() || "no answer" : "no terminal",
    expected: asking.interactive ? "y" : "a person's answer, or --yes",
    next: "npx quorate collect, without --debug-container, or with --yes",
    exitCode: exitCodes.refused,
  });
}

/** The report of the last validation that was finished here; whoever reads the bundle wants to know what was seen before. */
async function lastValidation(session: Session, bundle: Bundle): Promise<void> {
  const path = "last-validation.json";
  const runsDir = join(session.root, ".quorate", "runs");
  for (const id of (await listRuns(runsDir)).toReversed()) {
    try {
      const { plan, finished, dir } = await readRun(runsDir, id);
      const isOne = ["validate", "report"].includes(plan.runbook) && plan.network === session.network;
      if (!isOne || finished === null) continue;
      const report: unknown = JSON.parse(await readFile(join(dir, "report.json"), "utf8"));
      return await bundle.part("").json(path, { runId: id, runbook: plan.runbook, report });
    } catch {
      // A run that can not be read is none that could be shown.
    }
  }
  bundle.skipped(path, "no validation was finished here");
}

/** What of this process's surroundings is secret by its name, that it may go wherever it turns up. */
async function knownSecrets(session: Session, held: readonly PartyAccess[]): Promise<string[]> {
  const environments = [process.env, ...held.map(({ outputs }) => session.partyEnv(outputs.partyId))];
  const values = environments.flatMap((environment) =>
    Object.entries(environment).flatMap(([name, value]) => (value && namesSecret(name) ? [value] : [])),
  );
  const file = process.env.PULUMI_CONFIG_PASSPHRASE_FILE;
  const passphrase = file === undefined ? "" : await readFile(file, "utf8").catch(() => "");
  return [...values, passphrase.trim()];
}

async function version(): Promise<string> {
  // By its own name: where the package was built, this file lies a folder deeper.
  const path = createRequire(import.meta.url).resolve("quorate/package.json");
  const { name, version } = JSON.parse(await readFile(path, "utf8")) as { name: string; version: string };
  return `${name} ${version}`;
}

function chosenIds({ manifest, network }: Session, words: readonly string[] | undefined): number[] | undefined {
  const named = words?.flatMap((word) => word.split(",")).map((word) => word.trim());
  const wrong = named?.filter((id) => !manifest.parties.some((party) => String(party.id) === id)) ?? [];
  if (wrong.length === 0) return named && [...new Set(named.map(Number))];
  throw new OperatorError({
    code: "PARTY_UNKNOWN",
    what: `network ${network} has no party ${wrong.join(", ")}`,
    found: `--party ${named?.join(",")}`,
    expected: `ids of its manifest: ${manifest.parties.map(({ id }) => id).join(", ")}`,
    next: "repeat the command with one of them",
  });
}

function noneHere({ network }: Session, chosen: readonly number[], parties: readonly PartyAccess[]): OperatorError {
  return new OperatorError({
    code: "PARTY_UNKNOWN",
    what: `no stack here is for party ${chosen.join(", ")} of network ${network}`,
    found: `stacks of parties ${parties.map(({ outputs }) => outputs.partyId).join(", ")}`,
    expected: "the id of one of them",
    next: `npx quorate collect --party ${parties[0]?.outputs.partyId ?? 1}`,
  });
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new OperatorError({
    code: "ARGUMENT_INVALID",
    what: `${option} takes a whole number`,
    found: `${option} ${text}`,
    expected: `${least} to ${most}`,
    next: "npx quorate collect --help",
  });
}

function tell(session: Session, manifest: CollectManifest, { path, bytes, sha256 }: WrittenBundle, format: string) {
  if (format === "json") {
    terminal.print(JSON.stringify({ ...manifest, bundle: { path, bytes, sha256 } }, null, 2));
    return;
  }
  const missing = manifest.entries.filter((entry) => entry.status === "missing");
  terminal.print(networkLine(session.manifest, { bold: colours.bold }));
  const rows = manifest.parties.map(({ partyId, name }) => {
    const of = manifest.entries.filter((entry) => entry.path.startsWith(`party-${partyId}/`));
    const collected = of.filter(({ status }) => status === "collected").length;
    return [
      `party ${partyId}`,
      name,
      `${collected} files, ${of.filter(({ status }) => status === "missing").length} missing`,
    ];
  });
  terminal.print(renderTable(rows));
  if (missing.length > 0) {
    terminal.print(colours.yellow("\nmissing"));
    terminal.print(renderTable(missing.map((entry) => [entry.path, entry.reason])));
  }
  const shown = relative(process.cwd(), path);
  terminal.print(`\nbundle  ${shown.startsWith("..") ? path : shown}  ${(bytes / 1024).toFixed(0)} KiB`);
  terminal.print(`sha256  ${sha256}`);
}
