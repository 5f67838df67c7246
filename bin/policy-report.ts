import { OperatorError } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";
import type { Changes } from "../fleet/driver.ts";
import type { PolicyFinding } from "../fleet/policy-violation.ts";
import { hang } from "./help.mjs";
import { terminal } from "./terminal.ts";

/** What the policies say of all parties, violations first. */
export function policyFindings(changes: Changes[]): PolicyFinding[] {
  const order = ["POLICY_VIOLATED", "POLICY_ADVICE", "POLICY_UNKNOWN"];
  const all = changes.flatMap(({ policies }) => policies);
  return all.toSorted((a, b) => order.indexOf(a.code) - order.indexOf(b.code));
}

/** Whether a rule refuses any of the parties' stacks. */
export function isViolated(changes: Changes[]): boolean {
  return policyFindings(changes).some(({ code }) => code === "POLICY_VIOLATED");
}

/**
 * A violation in four parts; one advice for each rule, as 13 parties are mostly advised the same; and one
 * entry for all that can not be told before an update. Wrapped where the terminal ends.
 */
export function renderFindings(findings: PolicyFinding[], columns = terminal.width): string[] {
  const of = (code: PolicyFinding["code"]) => findings.filter((finding) => finding.code === code);
  const byRule = (code: PolicyFinding["code"]) => Object.entries(Object.groupBy(of(code), ({ rule }) => rule));
  const unknown = byRule("POLICY_UNKNOWN").map(([rule, all = []]) => `${rule} (${all.length})`);
  return [
    ...of("POLICY_VIOLATED").map((finding) => violation(finding).render()),
    ...byRule("POLICY_ADVICE").map(([rule, all = []]) => hang("POLICY_ADVICE  ", advice(rule, all), columns)),
    ...(unknown.length > 0
      ? [hang("POLICY_UNKNOWN  ", `told by \`up\`, not before: ${unknown.join(", ")}`, columns)]
      : []),
  ];
}

function advice(rule: string, [first, ...others]: PolicyFinding[]): string {
  const parties = [...new Set([first, ...others].map((finding) => finding?.party))].join(", ");
  const more = others.length > 0 ? ` (and ${others.length} more)` : "";
  return `party ${parties}: ${rule}: ${first?.resource} ${first?.field}: ${first?.found}${more}`;
}

/** The same as items of a Markdown list. */
export function markdownFindings(findings: PolicyFinding[]): string[] {
  const told = findings.filter(({ code }) => code !== "POLICY_UNKNOWN");
  return told.map(
    ({ code, rule, party, resource, field, found, expected, next }) =>
      `- **${code}** party ${party}: \`${rule}\`: \`${resource}\` ${field}: found ${found}; expected ${expected}; next: ${next}`,
  );
}

function violation({ rule, party, resource, field, found, expected, next }: PolicyFinding): OperatorError {
  return new OperatorError({
    code: "POLICY_VIOLATED",
    what: `party ${party}: ${rule} refuses ${resource}: ${field}`,
    found,
    expected,
    next,
    exitCode: exitCodes.failed,
  });
}
