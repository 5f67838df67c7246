import { z } from "zod";
import { ClusterCheckReport, ClusterSights, clusterChecks } from "../../contract/cluster-check-report.ts";
import type { PartyAccess } from "../context.ts";
import { chosenParties, partiesInWords } from "../network/validate.ts";
import { runbook, step } from "../runbook.ts";
import { renderClusterCheckJunit, renderClusterCheckMarkdown, renderClusterCheckText } from "./cluster-check-text.ts";
import { judgeClusters } from "./judge-cluster.ts";
import { clusterCommand, healthCommand, lookAtClusters, namespaceCommand } from "./look-at-cluster.ts";

const Inputs = z.strictObject({
  timeoutMs: z.coerce
    .number<number>()
    .int()
    .min(50)
    .max(60_000)
    .default(10_000)
    .describe("deadline of each question to a cluster"),
  parties: z
    .array(z.coerce.number<number>().int().min(1))
    .min(1)
    .optional()
    .describe("check only these (default all for which credentials are held)"),
});

/** Looks at what each party's core runs in. It changes nothing there. */
export default runbook({
  name: "cluster-check",
  summary:
    "Check what each party's core runs in: its nodes, device plugin, enclave, configuration, pod, warnings and health.",
  risk: "read-only",
  systems: ["zama-kms"],
  inputs: Inputs,
  plan(context) {
    const { inputs, manifest } = context;
    const asked = chosenParties(context.parties, inputs.parties);
    return [
      step({
        id: "look",
        does: `ask the clusters of ${partiesInWords(asked, manifest)} at once, and each core's health from its core-client`,
        commands: asked.flatMap(commandsFor),
        repeat: "safe",
        evidence: ClusterSights,
        run: ({ signal }) => lookAtClusters(asked, context, inputs.timeoutMs, signal),
      }),
      step({
        id: "judge",
        does: `judge ${asked.length * clusterChecks.length} checks`,
        repeat: "safe",
        evidence: ClusterCheckReport,
        run: async ({ evidence }) => judgeClusters(evidence("look", ClusterSights)),
      }),
    ];
  },
  report({ evidence }) {
    const json = evidence("judge", ClusterCheckReport);
    return {
      json,
      text: (style) => renderClusterCheckText(json, style),
      markdown: () => renderClusterCheckMarkdown(json),
      junit: () => renderClusterCheckJunit(json),
    };
  },
});

/** What asking one party comes to, for the plan's reader. */
function commandsFor({ outputs }: PartyAccess): string[] {
  const all = [namespaceCommand(outputs), clusterCommand(), healthCommand(outputs)];
  return all.map((args) => `kubectl ${args.join(" ")}   # party ${outputs.partyId}`);
}
