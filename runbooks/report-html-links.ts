import { printable, printableLine } from "../contract/printable.ts";
import type { PathProbe } from "../contract/probe.ts";
import type { LinkReport, ValidateReport } from "../contract/validate-report.ts";
import type { Verdict } from "../contract/verdict.ts";

const longestText = 1_000;

/**
 * What the page tells of each link, as numbers that point to texts: most of ten thousand links say the same. A row for each party and in it a
 * link for each peer, in the report's order; 0 says nothing. Fields: path, view, fault, detail, address, latency, certificate, release, seen as.
 */
export function linkTexts({ links, parties }: ValidateReport): {
  parties: [id: number, name: string][];
  texts: string[];
  links: (number[] | null)[][];
} {
  const texts: string[] = [];
  const known = new Map<string, number>();
  const number = (text: string | null): number => {
    if (text === null || text === "") return 0;
    const found = known.get(text);
    if (found !== undefined) return found;
    known.set(text, texts.push(clean(text)));
    return texts.length;
  };
  const byPair = new Map(links.map((link) => [`${link.from} ${link.to}`, link]));
  const fields = (link: LinkReport | undefined) => (link === undefined ? null : fieldsOf(link).map(number));
  const ids = parties.map(({ partyId }) => partyId);
  return {
    parties: parties.map(({ partyId, name }) => [partyId, printableLine(cut(name, 60))]),
    links: ids.map((from) => ids.filter((to) => to !== from).map((to) => fields(byPair.get(`${from} ${to}`)))),
    texts,
  };
}

function fieldsOf({ from, verdict, path, view, fault, asymmetric, probe }: LinkReport): (string | null)[] {
  const back = asymmetric ? ", one way: the way back works" : "";
  return [
    words(path),
    words(view),
    verdict.status !== "FAIL" || fault === null
      ? null
      : fault === "link"
        ? `the link itself${back}`
        : `party ${fault}${fault === from ? ", where it begins" : ""}${back}`,
    probe === null ? null : `${probe.code} at ${probe.stage}: ${probe.detail}`,
    probe?.address ?? null,
    probe === null ? null : times(probe),
    probe?.certificate
      ? `${probe.certificate.commonName}, ${probe.certificate.notBefore.slice(0, 16)}Z to ${probe.certificate.notAfter.slice(0, 16)}Z`
      : null,
    probe?.release ? `PCR0 ${probe.release.pcr0.slice(0, 24)}…` : null,
    probe?.sourceSeenByPeer ?? null,
  ];
}

function words(verdict: Verdict): string {
  if (verdict.status === "OK") return "ok";
  return verdict.status === "FAIL" ? `${verdict.code}  ${verdict.detail}` : `could not tell: ${verdict.reason}`;
}

function times({ dnsMs, tcpMs, tlsMs }: PathProbe): string | null {
  const known = [["DNS", dnsMs] as const, ["TCP", tcpMs] as const, ["TLS", tlsMs] as const].flatMap(([name, value]) =>
    value === null ? [] : [`${name} ${value.toFixed(1)}`],
  );
  return known.length === 0 ? null : `${known.join(", ")} ms`;
}

function clean(text: string): string {
  return printable(cut(text, longestText)).toWellFormed();
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}… (${text.length - longest} more, in report.json)`;
}
