import type { PolicyEvent } from "@pulumi/pulumi/automation/events.js";
import type { Finding } from "../contract/verdict.ts";

/** Where the rules are, and who asks them. */
export interface PolicySource {
  /** Folder of the policy pack: the one with `PulumiPolicy.yaml`. */
  pack: string;
  /** Port of a server in this process that runs the pack. Left out, each engine starts a process for it. */
  port?: number;
}

/**
 * What a rule says of one party's stack. `POLICY_VIOLATED` stops it, `POLICY_ADVICE` does not, and after
 * `POLICY_UNKNOWN` nobody can tell before the update.
 */
export type PolicyFinding = Finding & {
  code: "POLICY_VIOLATED" | "POLICY_ADVICE" | "POLICY_UNKNOWN";
  rule: string;
  resource: string;
};

/** Reads a rule's message, which has a line for each part; another pack's is one text. */
export function policyFinding(partyId: number, { policyName, resourceUrn, message, enforcementLevel }: PolicyEvent) {
  const lines = message.replaceAll(/<\{%[a-z ]*%\}>/gi, "").split("\n");
  const part = (name: string) => lines.find((line) => line.startsWith(`  ${name} `))?.slice(12);
  const [resource = "", ...field] = (lines[0] ?? "").split(": ");
  const found = part("found");
  const finding: PolicyFinding = {
    code: enforcementLevel === "mandatory" ? "POLICY_VIOLATED" : "POLICY_ADVICE",
    party: partyId,
    rule: policyName,
    resource: found === undefined ? (resourceUrn?.split("::").at(-1) ?? "") : resource,
    field: found === undefined ? "" : field.join(": "),
    found: found ?? lines.join(" "),
    expected: part("expected") ?? "what the rule asks for",
    next: part("next") ?? `read policy ${policyName}`,
  };
  if (finding.code === "POLICY_ADVICE" && found?.startsWith("not known yet")) finding.code = "POLICY_UNKNOWN";
  return finding;
}
