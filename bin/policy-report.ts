import { OperatorError } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";
import type { Changes } from "../fleet/driver.ts";
import type { PolicyFinding } from "../fleet/policy-violation.ts";

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

/** A violation in four parts, an advice in one line, and one line for all that can not be told before an update. */
export function renderFindings(findings: PolicyFinding[]): string[] {
  const of = (code: PolicyFinding["code"]) => findings.filter((finding) => finding.code === code);
  const unknown = Object.entries(Object.groupBy(of("POLICY_UNKNOWN"), ({ rule }) => rule));
  return [
    ...of("POLICY_VIOLATED").map((finding) => violation(finding).render()),
    ...of("POLICY_ADVICE").map(
      ({ rule, party, resource, field, found }) =>
        `POLICY_ADVICE  party ${party}: ${rule}: ${resource} ${field}: ${found}`,
    ),
    ...(unknown.length > 0
      ? [
          `POLICY_UNKNOWN  told by \`up\`, not before: ${unknown.map(([rule, all]) => `${rule} (${all?.length})`).join(", ")}`,
        ]
      : []),
  ];
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
