import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { judge } from "../../runbooks/network/judge.ts";
import { renderValidateText } from "../../runbooks/report-text.ts";
import type { TextStyle } from "../../runbooks/runbook.ts";
import { renderCertificatesText } from "../../runbooks/zama-kms/certificates-text.ts";
import { renderClusterCheckText } from "../../runbooks/zama-kms/cluster-check-text.ts";
import { certificatesReport, clusterCheckReport } from "./every-report.ts";
import { type Fault, modelNetwork } from "./network/network-model.ts";
import { seenNetwork } from "./seen-network.ts";

const faults: Fault[] = [
  { kind: "cut", from: 2, to: 3 },
  { kind: "wrong-release", party: 1 },
  { kind: "unauthorized", party: 4 },
];
const named = (n: number) => {
  const report = seenNetwork(n, faults);
  for (const party of report.parties) party.name = `the-operators-of-party-${party.partyId}`;
  report.network = "the-network-of-all-of-them-with-a-long-name";
  return report;
};

const reports: [name: string, render: (n: number) => (style: TextStyle) => string][] = [
  ["validate", (n) => (style) => renderValidateText(named(n), style)],
  [
    "validate at stage network",
    (n) => (style) => renderValidateText(judge(modelNetwork(n, faults, { stage: "network" })), style),
  ],
  [
    "validate with one row of one's own",
    (n) => (style) => renderValidateText(seenNetwork(n, faults, { mine: [1] }), style),
  ],
  ["certificates", (n) => (style) => renderCertificatesText(certificatesReport(n), style)],
  ["cluster-check", (n) => (style) => renderClusterCheckText(clusterCheckReport(n), style)],
];

describe.each(reports)("%s in a terminal of 60 columns", (_name, render) => {
  test.each([4, 13, 100])("has no line beyond it, of %i parties", (n) => {
    for (const colour of [false, true]) {
      const lines = stripVTControlCharacters(render(n)({ colour, columns: 60 })).split("\n");
      // A word that is longer than the line, as a digest is, stays whole so that it can be copied.
      const longestWord = (line: string) => Math.max(...line.split(" ").map((word) => word.length));
      expect(lines.filter((line) => line.length > 60 && longestWord(line) < 48)).toEqual([]);
    }
  });

  test.each([4, 13, 100])("says of %i parties what it says in a wide one, below the matrix", (n) => {
    const words = (columns: number) => {
      const text = render(n)({ colour: false, columns });
      return text.slice(text.indexOf("\nverdict ")).split(/\s+/);
    };
    expect(words(60)).toEqual(words(500));
  });

  test("without colour there is no escape in it, and every state has its own letters", () => {
    const text = render(4)({ colour: false, columns: 60 });
    expect(text).toBe(stripVTControlCharacters(text));
    expect(text).toMatch(/verdict (OK|FAIL|UNKNOWN)/);
  });
});
