import { XMLParser, XMLValidator } from "fast-xml-parser";
import { expect, test } from "vitest";
import { judge } from "../../runbooks/network/judge.ts";
import { renderValidateJunit } from "../../runbooks/report-junit.ts";
import { modelNetwork } from "./network/network-model.ts";

/** What a parser that is not ours makes of it: the totals, and each test case with its problem. */
function parsed(xml: string) {
  expect(XMLValidator.validate(xml)).toBe(true);
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: "",
    isArray: (name) => name === "testcase",
  });
  const { testsuites } = parser.parse(xml);
  return { totals: testsuites, cases: testsuites.testsuite.testcase as Case[] };
}
interface Case {
  name: string;
  failure?: { type: string; message: string };
  error?: { type: string; message: string };
}

test("a link that is down is a failure, one that is unknown an error, and none is skipped", () => {
  const { totals, cases } = parsed(renderValidateJunit(judge(modelNetwork(4, [{ kind: "kill", party: 4 }]))));
  const of = (name: string) => cases.find((found) => found.name === name);
  expect(totals).toMatchObject({ tests: "16", skipped: "0" });
  expect(Number(totals.failures) + Number(totals.errors)).toBe(
    cases.filter(({ failure, error }) => failure ?? error).length,
  );
  expect(of("1→2")).toEqual({ classname: "quorate.devnet.link.link", name: "1→2" });
  expect(of("1→4")).toMatchObject({ failure: { type: "REFUSED" } });
  expect(of("4→1")).toMatchObject({ error: { type: "UNKNOWN" } });
});

test("whatever a peer makes us say stays text", () => {
  const report = judge(modelNetwork(4, [{ kind: "cut", from: 2, to: 3 }]));
  const nasty = '"/><testcase name="forged"/> & \u0000\u001b[31m\nred';
  for (const link of report.links) if (link.verdict.status === "FAIL") Object.assign(link.verdict, { detail: nasty });
  const { cases } = parsed(renderValidateJunit(report));
  expect(cases).toHaveLength(16);
  expect(cases.find(({ name }) => name === "2→3")?.failure?.message).toBe(
    '"/><testcase name="forged"/> & \\u0000\\u001b[31m&#10;red',
  );
});
