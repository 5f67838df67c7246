import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { PartyOutputs } from "../contract/party-outputs.ts";
import { exitCodes } from "../contract/verdict.ts";
import { catalogue } from "../runbooks/catalogue.mjs";
import type { RunbookContext } from "../runbooks/context.ts";
import { planRunbook, type RunPlan } from "../runbooks/plan.ts";
import type { Repeat, Risk, Runbook } from "../runbooks/runbook.ts";
import { readManifest } from "../stacks/manifest-file.ts";
import { type InputProperty, inputProperties, kebab, limitsOf } from "./runbook-inputs.ts";

/** Where the pages lie. */
export const runbookPagesDir = fileURLToPath(new URL("../docs/runbooks/", import.meta.url));

const root = new URL("../", import.meta.url);

/** The page by hand that says what each finding of a runbook means, by the runbook's name. */
const guides: Record<string, string> = {
  validate: "../validate.md#findings",
  report: "../report.md",
  certificates: "../certificates.md",
  "cluster-check": "../cluster-check.md",
  doctor: "../doctor.md",
  bandwidth: "../bandwidth.md",
};

/** The pages of all runbooks and of their list, by file name, as they lie in `docs/runbooks/`. */
export async function runbookPages(): Promise<Record<string, string>> {
  const context = await exampleContext();
  const pages: Record<string, string> = { "README.md": listPage() };
  for (const { name, file } of catalogue) {
    const runbook = ((await import(new URL(`runbooks/${file}.ts`, root).href)) as { default: Runbook }).default;
    pages[`${name}.md`] = renderPage(runbook, (await planRunbook(runbook, context, {})).plan);
  }
  return pages;
}

/** What a party of the devnet is given before it runs one. A plan only reads, so that nothing answers here. */
async function exampleContext(): Promise<Omit<RunbookContext, "inputs">> {
  const { manifest, digest } = await readManifest(fileURLToPath(new URL("stacks/networks/devnet.yaml", root)));
  const text = await readFile(new URL("docs/party-outputs.example.json", root), "utf8");
  const nothing = () => Promise.reject(new Error("a plan of an example asks nobody"));
  return {
    manifest,
    manifestDigest: digest,
    parties: [
      { outputs: PartyOutputs.parse(JSON.parse(text)), kubectl: nothing, caller: nothing, readObject: nothing },
    ],
    clock: { now: () => new Date(0) },
    readHalf: nothing,
    readPublished: nothing,
    baseline: (of) => ({
      path: `baselines/${manifest.network}.${of}.json`,
      read: async () => undefined,
      replace: nothing,
    }),
    signal: new AbortController().signal,
    progress: () => {},
  };
}

const printed = "<!-- Printed from the runbooks' declarations by bin/runbook-pages.ts. -->";

function listPage(): string {
  return [
    "# Runbooks",
    "",
    printed,
    "",
    "What each is for, what it takes, what it does and what to do when it stops. `npx quorate runbooks` prints the same list.",
    "",
    "| runbook | risk | for |",
    "| --- | --- | --- |",
    ...catalogue.map(({ name, risk, summary }) => `| [${name}](${name}.md) | ${risk} | ${cell(summary)} |`),
    "",
  ].join("\n");
}

function renderPage(runbook: Runbook, plan: RunPlan): string {
  const { name, summary, risk, systems } = runbook;
  const guide = guides[name];
  if (guide === undefined) throw new Error(`which page says what the findings of ${name} mean?`);
  const inputs = Object.entries(inputProperties(runbook));
  return [
    `# Runbook \`${name}\``,
    "",
    printed,
    "",
    summary,
    "",
    `- Risk: **${risk}**. ${risks[risk]}`,
    ...Object.entries(runbook.riskWith ?? {}).map(
      ([input, more]) => `- With \`--${kebab(input)}\`: **${more}**. ${risks[more]}`,
    ),
    `- For networks of ${systems.join(", ")}.`,
    `- What it finds, and what each finding means: [${guide.replace(/^\.\.\//, "").replace(/#.*$/, "")}](${guide}).`,
    "",
    "```",
    `npx quorate run ${name} --plan`,
    `npx quorate run ${name}`,
    "```",
    "",
    "## Inputs",
    "",
    ...(inputs.length === 0 ? ["None."] : inputTable(inputs)),
    "",
    "Every runbook takes `--plan`, `--confirm <digest>`, `--format` and `--network` besides: `npx quorate run --help`.",
    "",
    "## Steps",
    "",
    "As party 1 of the devnet plans them, with its own credentials only.",
    "",
    "| step | does | when it is repeated |",
    "| --- | --- | --- |",
    ...plan.steps.map(({ id, does, repeat }) => `| \`${id}\` | ${cell(does)} | ${repeats[repeat]} |`),
    ...commandsOf(plan),
    "",
    "## Exit codes",
    "",
    "| code | meaning |",
    "| --- | --- |",
    ...Object.entries(exitCodes).map(([key, code]) => `| ${code} | ${exits[key as keyof typeof exitCodes]} |`),
    "",
    "## When it stops",
    "",
    ...whenItStops(name, risk),
    "",
  ].join("\n");
}

const risks: Record<Risk, string> = {
  "read-only": "It changes nothing, and asks nothing before it begins.",
  reversible: "What it changes can be changed back. It shows its plan, and asks.",
  disruptive: "Something stands still meanwhile. It shows its plan, and wants the name of the network typed.",
  irreversible:
    "What it does can not be undone. The network's name, what it acts on, and the plan's digest from a second operator have to be typed.",
};

const repeats: Record<Repeat, string> = {
  safe: "done again",
  "check-first": "done again unless the world says that it is done",
  once: "never done again without the world's word that it did not happen",
};

const exits: Record<keyof typeof exitCodes, string> = {
  ok: "all is as it should be",
  failed: "something is not as it should be, or a step failed",
  usage: "usage, or input that can not be read",
  refused: "refused for safety",
  interrupted: "interrupted, can be resumed",
  unknown: "could not tell: nothing failed, and not everything answered",
  bug: "a bug",
};

function inputTable(inputs: readonly [string, InputProperty][]): string[] {
  return [
    "| input | takes | default | meaning |",
    "| --- | --- | --- | --- |",
    ...inputs.map(([name, property]) => {
      const standard = property.default === undefined ? "—" : `\`${property.default}\``;
      return `| \`--${kebab(name)}\` | ${cell(takes(property))} | ${standard} | ${cell(property.description ?? "")} |`;
    }),
  ];
}

function takes(property: InputProperty): string {
  if (property.enum) return property.enum.map((value) => `\`${value}\``).join(" or ");
  if (property.type === "array") return `${takes(property.items ?? {})}, or several as a,b,…`;
  if (property.type === "boolean") return "nothing";
  if (property.type !== "integer" && property.type !== "number") return "text";
  const { least, most } = limitsOf(property);
  const kind = property.type === "integer" ? "a whole number" : "a number";
  return [kind, least === undefined ? "" : ` from ${least}`, most === undefined ? "" : ` to ${most}`].join("");
}

function commandsOf({ steps }: RunPlan): string[] {
  const commands = steps.flatMap((step) => step.commands);
  if (commands.length === 0) return [];
  return ["", "What that comes to for this party; `--plan` prints it for one's own:", "", "```", ...commands, "```"];
}

function whenItStops(name: string, risk: Risk): string[] {
  return [
    "Each run keeps its plan, its journal and its evidence in `.quorate/runs/<run-id>/`, whatever becomes of it.",
    "",
    ...(risk === "read-only"
      ? [`- It changed nothing: \`npx quorate run ${name}\` begins anew.`]
      : ["- Do not begin anew: the journal knows what was done, and a new run does not."]),
    "- `npx quorate resume <run-id>` goes on with a run that was interrupted (exit code 4) or killed: steps that are done are not done again, and what they saw is taken from the evidence.",
    "- A step that failed (exit code 1) or a question without an answer (exit code 5) names in `next` what to do; the run's folder holds the words of every command.",
    "- What was typed wrong (exit code 2) or refused (exit code 3) did not begin: [errors](../errors.md).",
  ];
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

if (import.meta.main) {
  await mkdir(runbookPagesDir, { recursive: true });
  for (const [name, text] of Object.entries(await runbookPages())) await writeFile(`${runbookPagesDir}${name}`, text);
}
