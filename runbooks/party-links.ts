import type { LinkReport, ValidateReport } from "../contract/validate-report.ts";

/** Each party's links once, so that a network of a hundred is not searched a hundred times. */
export function linksOfParties({
  links,
  parties,
}: ValidateReport): Map<number, { outbound: LinkReport[]; inbound: LinkReport[] }> {
  const found = new Map(
    parties.map(({ partyId }) => [partyId, { outbound: [] as LinkReport[], inbound: [] as LinkReport[] }]),
  );
  for (const link of links) {
    found.get(link.from)?.outbound.push(link);
    found.get(link.to)?.inbound.push(link);
  }
  return found;
}

/** Half and nine tenths of the open paths are at most this slow (milliseconds), and one is the slowest; nothing of no measurement. */
export function latencyQuantiles(links: readonly LinkReport[], phase: "tcp" | "tls"): [quantile: number, ms: number][] {
  const sorted = links
    .flatMap(({ path, probe }) => (path.status === "OK" ? (probe?.[`${phase}Ms`] ?? []) : []))
    .sort((a, b) => a - b);
  const at = (quantile: number) => sorted[Math.max(0, Math.ceil(sorted.length * quantile) - 1)] ?? 0;
  return sorted.length === 0 ? [] : [0.5, 0.9, 1].map((quantile) => [quantile, at(quantile)]);
}
