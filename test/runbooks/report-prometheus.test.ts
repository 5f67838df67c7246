import parsePrometheus from "parse-prometheus-text-format";
import { expect, test } from "vitest";
import type { ValidateReport } from "../../contract/validate-report.ts";
import { judge } from "../../runbooks/network/judge.ts";
import { renderValidatePrometheus } from "../../runbooks/report-prometheus.ts";
import { type Fault, modelNetwork } from "./network/network-model.ts";

/** What a parser that is not ours makes of it: series by name, with labels and number. */
function parsed(report: ValidateReport) {
  const families = parsePrometheus(renderValidatePrometheus(report));
  const series = families.flatMap(({ name, metrics }) =>
    metrics.map(({ labels = {}, value }) => ({ name: name.replace("quorate_validate_", ""), labels, value })),
  );
  /** The numbers of the series that have these labels. */
  const of = (name: string, labels: Record<string, string> = {}) =>
    series
      .filter((one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value))
      .map(({ value }) => Number(value));
  return { families, series, of };
}
const network = (n: number, faults: Fault[]) => judge(modelNetwork(n, faults));

test("a clean network: every link is up, and every family has help and a type", () => {
  const { families, of } = parsed(network(4, []));
  for (const { name, help, type } of families)
    expect({ name, type, told: help.length > 10 }).toEqual({ name, type: "GAUGE", told: true });
  expect(of("verdict", { network: "devnet", environment: "devnet", stage: "link" })).toEqual([1]);
  expect(["up", "down", "unknown"].map((status) => of("links", { status }))).toEqual([[12], [0], [0]]);
  expect(of("faults_tolerated")).toEqual([1]);
  expect(of("party_verdict")).toEqual([1, 1, 1, 1]);
  expect(of("findings")).toEqual([]);
  expect(of("timestamp_seconds")).toEqual([Date.parse("2026-11-20T18:55:02.000Z") / 1000]);
});

test("a link that is cut is missing at both of its ends, once out and once in", () => {
  const { of } = parsed(network(4, [{ kind: "cut", from: 2, to: 3 }]));
  expect(of("verdict")).toEqual([0]);
  expect(of("links", { status: "down" })).toEqual([1]);
  expect(of("party_links_up", { direction: "outbound" })).toEqual([3, 2, 3, 3]);
  expect(of("party_links_up", { direction: "inbound" })).toEqual([3, 3, 2, 3]);
  expect(of("findings", { code: "LINK_DOWN" })).toEqual([1]);
});

test("what could not be told is neither up nor down, and no alert on 1 takes it for green", () => {
  const { of } = parsed(network(4, [{ kind: "unauthorized", party: 4 }]));
  expect(of("verdict")).toEqual([-1]);
  expect(of("party_verdict", { party: "4" })).toEqual([-1]);
  expect(of("links", { status: "unknown" })).toEqual([3]);
  expect(of("faults_tolerated")).toEqual([Number.NaN]);
  // Nothing was measured from there.
  expect(of("party_outbound_latency_seconds", { party: "4" })).toEqual([]);
});

test("latencies are in seconds, half and nine tenths and the slowest of the links that a party opens", () => {
  const report = network(4, []);
  const out = report.links.filter(({ from }) => from === 2);
  for (const [index, { probe }] of out.entries()) if (probe) probe.tcpMs = [30, 10, 20][index] ?? 0;
  const { of } = parsed(report);
  const tcp = (quantile: string) => of("party_outbound_latency_seconds", { party: "2", phase: "tcp", quantile });
  expect(["0.5", "0.9", "1"].map(tcp)).toEqual([[0.02], [0.03], [0.03]]);
});

test("series grow with n, not with n²", () => {
  const count = (n: number) => parsed(network(n, [])).series.length;
  const [few, more, most] = [count(4), count(7), count(40)];
  expect(most - few).toBe(((more - few) / 3) * 36);
});

test("whatever a name holds stays in its label", () => {
  const report = network(4, []);
  const nasty = 'a"} 1\nforged{x="\\';
  for (const party of report.parties) party.name = nasty;
  const { series, of } = parsed(report);
  expect(series.filter(({ name }) => name.includes("forged"))).toEqual([]);
  expect(of("party_verdict", { name: nasty })).toEqual([1, 1, 1, 1]);
});
