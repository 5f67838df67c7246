import { printable } from "../contract/printable.ts";
import type { ValidateReport } from "../contract/validate-report.ts";
import type { Verdict } from "../contract/verdict.ts";

/** The report for CI: a test case per party and per link. */
export function renderValidateJunit(report: ValidateReport): string {
  return junitSuites("validate", `quorate.${report.network}.${report.stage}`, report, [
    ...report.parties.map((party) => ({
      group: "party",
      name: `party ${party.partyId} ${party.name}`,
      verdict: party.verdict,
    })),
    ...report.links.map((link) => ({ group: "link", name: `${link.from}→${link.to}`, verdict: link.verdict })),
  ]);
}

/** One suite of cases. What could not be told is an error, since a skipped case would look green. */
export function junitSuites(
  runbook: string,
  suite: string,
  report: { startedAt: string; durationMs: number },
  cases: readonly { group: string; name: string; verdict: Verdict }[],
): string {
  const count = (status: Verdict["status"]) => cases.filter(({ verdict }) => verdict.status === status).length;
  const totals = `tests="${cases.length}" failures="${count("FAIL")}" errors="${count("UNKNOWN")}" skipped="0" time="${(report.durationMs / 1000).toFixed(3)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="quorate ${attribute(runbook)}" ${totals}>`,
    `  <testsuite name="${attribute(suite)}" timestamp="${report.startedAt}" ${totals}>`,
    ...cases.map(({ group, name, verdict }) => {
      const head = `    <testcase classname="${attribute(`${suite}.${group}`)}" name="${attribute(name)}"`;
      return verdict.status === "OK" ? `${head}/>` : `${head}>${problem(verdict)}</testcase>`;
    }),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function problem(verdict: Exclude<Verdict, { status: "OK" }>): string {
  return verdict.status === "FAIL"
    ? `<failure type="${attribute(verdict.code)}" message="${attribute(verdict.detail)}"/>`
    : `<error type="UNKNOWN" message="${attribute(verdict.reason)}"/>`;
}

function attribute(text: string): string {
  return (
    // Spelled out, for XML 1.0 has no way to write most of them; two more it has none for are no control characters.
    printable(text)
      .toWellFormed()
      .replace(/[\ufffe\uffff]/g, "\ufffd")
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      .replaceAll("\n", "&#10;")
      .replaceAll("\t", "&#9;")
  );
}
