import { z } from "zod";
import type { NetworkManifest } from "../../contract/network-manifest.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import { ValidateReport } from "../../contract/validate-report.ts";
import type { PartyAccess } from "../context.ts";
import { renderValidateHtml } from "../report-html.ts";
import { renderValidateJunit } from "../report-junit.ts";
import { renderValidateMarkdown } from "../report-markdown.ts";
import { renderValidatePrometheus } from "../report-prometheus.ts";
import { renderValidateText } from "../report-text.ts";
import { type Report, runbook, step } from "../runbook.ts";
import { judge } from "./judge.ts";
import { Observations } from "./observations.ts";
import {
  caCertificateCommands,
  listenCommand,
  type ObserveInputs,
  observe,
  podsCommand,
  probeCommand,
} from "./observe.ts";

/** Inputs of every runbook that probes links. */
export const validateStage = z
  .enum(["link", "network"])
  .default("link")
  .describe("link: cores, with TLS and attestation; network: before any core is there, between probers");
export const timeoutMs = z.coerce
  .number<number>()
  .int()
  .min(50)
  .max(60_000)
  .default(5_000)
  .describe("deadline of one link for DNS, TCP and TLS together, and of each question to a cluster");

/** A prober listens for an hour at the most, and has to outlast the wait. */
export const waitMinutes = z.coerce
  .number<number>()
  .int()
  .min(0)
  .max(55)
  .default(0)
  .describe(
    "go on asking until every path is open and every peer came by, this long at the most: nobody has to begin at the same moment",
  );

const Inputs = z.strictObject({
  stage: validateStage,
  timeoutMs,
  waitMinutes,
  parties: z
    .array(z.coerce.number<number>().int().min(1))
    .min(1)
    .optional()
    .describe("ask only these: links from the others stay UNKNOWN (default all for which credentials are held)"),
});

/** Proves the network: every directed link, as the prober sees its path and as the core sees its peer. */
export default runbook({
  name: "validate",
  summary: "Probe every link between the parties and say which are up, whose fault it is if not, and what to do.",
  risk: "read-only",
  systems: ["zama-kms"],
  inputs: Inputs,
  plan(context) {
    const { inputs, manifest } = context;
    const asked = chosenParties(context.parties, inputs.parties);
    const links = manifest.parties.length * (manifest.parties.length - 1);
    return [
      step({
        id: "observe",
        does: `ask ${partiesInWords(asked, manifest)} at once: their pods, their peers' CA certificates, and a probe of each link`,
        commands: asked.flatMap((party) => observeCommands(party, observing(inputs), manifest)),
        repeat: "safe",
        evidence: Observations,
        run: ({ signal }) => observe(context, observing(inputs), signal),
      }),
      step({
        id: "judge",
        does: `judge ${links} links`,
        repeat: "safe",
        evidence: ValidateReport,
        run: async ({ evidence }) => judge(evidence("observe", Observations)),
      }),
    ];
  },
  report: ({ evidence }) => presentValidation(evidence("judge", ValidateReport)),
});

/** What a runbook's inputs mean to who observes. */
export function observing(
  inputs: Pick<ObserveInputs, "stage" | "timeoutMs" | "parties"> & { waitMinutes: number },
): ObserveInputs {
  const { stage, timeoutMs: deadline, parties, waitMinutes: minutes } = inputs;
  return { stage, timeoutMs: deadline, parties, waitMs: minutes * 60_000 };
}

/** Every form of one judged network. */
export function presentValidation(json: ValidateReport): Report {
  return {
    json,
    text: (style) => renderValidateText(json, style),
    markdown: () => renderValidateMarkdown(json),
    junit: () => renderValidateJunit(json),
    html: () => renderValidateHtml(json),
    prometheus: () => renderValidatePrometheus(json),
  };
}

/** Those of the held parties that are wanted, all where none is named. Nobody but a party itself can be asked about its cluster. */
export function chosenParties(held: readonly PartyAccess[], wanted: readonly number[] | undefined): PartyAccess[] {
  const ids = held.map(({ outputs }) => outputs.partyId as number);
  const missing = wanted?.filter((id) => !ids.includes(id)) ?? [];
  if (missing.length === 0) return held.filter(({ outputs }) => wanted?.includes(outputs.partyId) ?? true);
  throw new OperatorError({
    code: "PARTY_NOT_HELD",
    what: `there are no credentials here for party ${missing.join(", ")}`,
    found: `credentials of party ${ids.join(", ") || "none"}`,
    expected: "parties of one's own: others validate their own rows",
    next: "name only those, or none for all of them",
  });
}

export function partiesInWords(asked: readonly PartyAccess[], manifest: NetworkManifest): string {
  if (asked.length === manifest.parties.length) return `all ${asked.length} parties`;
  return `${asked.length} of ${manifest.parties.length} parties (${asked.map(({ outputs }) => outputs.partyId).join(", ")})`;
}

/** What asking one party comes to, for the plan's reader. */
export function observeCommands({ outputs }: PartyAccess, inputs: ObserveInputs, manifest: NetworkManifest): string[] {
  const { stage } = inputs;
  const all = stage === "link" ? [podsCommand(outputs)] : [podsCommand(outputs), listenCommand(outputs, inputs)];
  const named = (args: string[]) => `kubectl ${args.join(" ")}   # party ${outputs.partyId}`;
  const certificates = caCertificateCommands(
    outputs,
    stage === "network" ? [] : manifest.parties.map((peer) => peer.id),
  ).map(({ peerId, command }) => `${command}   # party ${outputs.partyId}: CA certificate of party ${peerId}`);
  return [...all.map(named), ...certificates, `${named(probeCommand(outputs))}, request on standard input`];
}
