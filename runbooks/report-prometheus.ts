import type { ValidateReport } from "../contract/validate-report.ts";
import type { Verdict } from "../contract/verdict.ts";
import { latencyQuantiles, linksOfParties } from "./party-links.ts";

type Labels = Record<string, string | number>;
type Sample = readonly [labels: Labels, value: number];

/** Unknown is neither up nor down, and an alert on "not 1" fires for both. */
export const verdictNumbers: Record<Verdict["status"], number> = { OK: 1, FAIL: 0, UNKNOWN: -1 };

/**
 * The report for a textfile collector. Series grow with n, not with n²: whoever wants a link looks at the report, and a network of a hundred
 * would be 9900 series for each thing that is said of one.
 */
export function renderValidatePrometheus(report: ValidateReport): string {
  const common = { network: report.network, environment: report.environment, stage: report.stage };
  const count = (status: Verdict["status"]) => report.links.filter((link) => link.verdict.status === status).length;
  const family = (name: string, help: string, samples: readonly Sample[]) =>
    prometheusFamily(`quorate_validate_${name}`, "gauge", help, common, samples);
  const one = (value: number): Sample[] => [[{}, value]];
  const links = linksOfParties(report);
  const perParty = (values: (party: ValidateReport["parties"][number]) => readonly Sample[]): Sample[] =>
    report.parties.flatMap((party) =>
      values(party).map(([labels, value]): Sample => [{ party: party.partyId, name: party.name, ...labels }, value]),
    );
  const findings = Map.groupBy(report.findings, ({ code }) => code);
  return [
    ...family(
      "verdict",
      "Verdict on the network: 1 OK, 0 FAIL, -1 could not tell.",
      one(verdictNumbers[report.verdict]),
    ),
    ...family("timestamp_seconds", "When the validation began, in seconds since 1970.", one(unix(report.startedAt))),
    ...family("duration_seconds", "How long it took.", one(report.durationMs / 1000)),
    ...family("links", "Directed links by what is known of them.", [
      [{ status: "up" }, count("OK")],
      [{ status: "down" }, count("FAIL")],
      [{ status: "unknown" }, count("UNKNOWN")],
    ]),
    ...family("parties", "Parties of the network.", one(report.parties.length)),
    ...family(
      "parties_fully_connected",
      "Parties all of whose links are up, both ways.",
      one(report.partiesFullyConnected),
    ),
    ...family("threshold", "Parties that the protocol can do without (t).", one(report.threshold)),
    ...family(
      "faults_tolerated",
      "How many more parties may fail before the protocol stops; negative where it has stopped, NaN where it could not be told.",
      one(report.faultsTolerated ?? Number.NaN),
    ),
    ...family(
      "findings",
      "Findings by code.",
      [...findings].map(([code, found]) => [{ code }, found.length]),
    ),
    ...family(
      "party_verdict",
      "Verdict on one party: 1 OK, 0 FAIL, -1 could not tell.",
      perParty(({ verdict }) => [[{}, verdictNumbers[verdict.status]]]),
    ),
    ...family(
      "party_seen_timestamp_seconds",
      "When a party was looked at: from here, or by itself where its signed half tells of it.",
      perParty(({ seenAt }) => (seenAt === null ? [] : [[{}, unix(seenAt)]])),
    ),
    ...family(
      "party_links_up",
      "Links of a party that are up.",
      perParty(({ partyId }) =>
        (["outbound", "inbound"] as const).map((direction) => [
          { direction },
          (links.get(partyId)?.[direction] ?? []).filter(({ verdict }) => verdict.status === "OK").length,
        ]),
      ),
    ),
    ...family(
      "party_outbound_latency_seconds",
      "TCP connect and TLS handshake of a party's outbound links, as its prober measured them; quantile 1 is the slowest.",
      perParty(({ partyId }) =>
        (["tcp", "tls"] as const).flatMap((phase) =>
          latencyQuantiles(links.get(partyId)?.outbound ?? [], phase).map(
            ([quantile, ms]): Sample => [{ phase, quantile }, ms / 1000],
          ),
        ),
      ),
    ),
    "",
  ].join("\n");
}

/** The lines of one metric; none where nothing was measured. */
export function prometheusFamily(
  name: string,
  kind: "gauge" | "counter",
  help: string,
  common: Labels,
  samples: readonly Sample[],
): string[] {
  if (samples.length === 0) return [];
  return [
    `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
    `# TYPE ${name} ${kind}`,
    ...samples.map(([labels, value]) => `${name}${braces({ ...common, ...labels })} ${value}`),
  ];
}

function unix(time: string): number {
  return Date.parse(time) / 1000;
}

function braces(labels: Labels): string {
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(String(value))}"`)
    .join(",")}}`;
}

/** The three escapes that the format has; other control characters would be for whoever shows them. */
function escaped(value: string): string {
  return value.toWellFormed().replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
