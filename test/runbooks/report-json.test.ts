import { describe, expect, test } from "vitest";
import type { ValidateReport } from "../../contract/validate-report.ts";
import { judge } from "../../runbooks/network/judge.ts";
import { presentValidation } from "../../runbooks/network/validate.ts";
import { committedSchema, overJson } from "../support/committed-schema.ts";
import { certificatesReport, clusterCheckReport } from "./every-report.ts";
import { type Fault, modelNetwork } from "./network/network-model.ts";

const fits = await committedSchema("validate-report");
const json = (report: ValidateReport) => overJson(presentValidation(report).json);

test.each<[string, number, Fault[]]>([
  ["a clean network", 4, []],
  ["one with a link cut", 7, [{ kind: "cut", from: 2, to: 3 }]],
  ["one with a party nobody could ask", 4, [{ kind: "unauthorized", party: 4 }]],
  [
    "one with every kind of party",
    13,
    [
      { kind: "kill", party: 1 },
      { kind: "wrong-release", party: 2 },
      { kind: "expire-cert", party: 3 },
    ],
  ],
])("the JSON of %s fits the published schema", (_, n, faults) => {
  for (const stage of ["link", "network"] as const) {
    fits(json(judge(modelNetwork(n, faults, { stage }))));
    expect(fits.errors).toBe(null);
  }
});

test("a verdict that nobody knows, a link without its ends or one field more do not fit", () => {
  const report = json(judge(modelNetwork(4)));
  expect(fits({ ...report, verdict: "GREEN" })).toBe(false);
  expect(fits({ ...report, more: 1 })).toBe(false);
  const [{ from: _, ...link }, ...links] = report.links;
  expect(fits({ ...report, links: [link, ...links] })).toBe(false);
});

describe.each<[name: string, report: (n: number) => object]>([
  ["certificates", certificatesReport],
  ["cluster-check", clusterCheckReport],
])("the JSON of %s", (name, report) => {
  test.each([4, 13])("of %i parties fits its published schema, and one field more or less does not", async (n) => {
    const isReport = await committedSchema(`${name}-report`);
    const found = overJson(report(n));
    isReport(found);
    expect(isReport.errors).toBe(null);
    const { verdict: _, ...without } = found;
    for (const wrong of [{ ...found, more: 1 }, { ...found, verdict: "GREEN" }, without])
      expect(isReport(wrong)).toBe(false);
  });
});
