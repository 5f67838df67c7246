import type { Problem } from "../contract/operator-error.ts";
import { exitCodes, type Finding } from "../contract/verdict.ts";
import type { Published } from "../fleet/card-publishing.ts";
import type { CardReport } from "../fleet/cards.ts";
import { networkLine } from "../runbooks/network-line.ts";
import type { VerifiedCard } from "../stacks/card-verification.ts";
import type { Session } from "./session.ts";
import { colours, renderTable } from "./terminal.ts";

type Format = "table" | "json";

/** An error below a table, with an empty line before it. */
export function troubleLines({ code, what, found, expected, next }: Problem): string[] {
  return [
    "",
    `${code}  ${what}`,
    renderTable([
      ["  found", found],
      ["  expected", expected],
      ["  next", next],
    ]),
  ];
}

/** What came of the parties' cards, with the error of each that is wanting. */
export function renderCards(session: Session, action: string, reports: readonly CardReport[], format: Format): string {
  if (format === "json") return documentOf(session, action, reports.map(jsonOf), reports);
  const rows = reports.map(({ partyId, status, card, problem }) => [
    `party ${partyId}`,
    problem?.code ?? (action === "list" ? "good" : status),
    card === undefined ? "no card" : `sequence ${card.card.sequence}, until ${card.card.expiresAt.slice(0, 10)}`,
    card === undefined ? "" : card.card.signingKey.fingerprint.slice(0, 19),
  ]);
  // What is only not there yet is told once; what was refused, for each.
  const absent = reports.find(({ problem }) => problem?.exitCode === exitCodes.unknown)?.problem;
  const troubles = reports.flatMap(({ problem }) =>
    problem === undefined || (problem.exitCode === exitCodes.unknown && problem !== absent)
      ? []
      : troubleLines(problem),
  );
  const isFresh = reports.some(({ status }) => status === "new" || status === "updated");
  return [
    networkLine(session.manifest, { bold: colours.bold }),
    renderTable(rows),
    ...troubles,
    ...(isFresh ? ["", "next  review and commit stacks/cards, then: npx quorate up"] : []),
  ].join("\n");
}

/** One card, field by field. */
export function renderOneCard(session: Session, report: CardReport, format: Format): string {
  if (format === "json")
    return documentOf(session, "show", [{ ...jsonOf(report), card: report.card?.card ?? null }], [report]);
  const rows = report.card === undefined ? [] : leaves("", report.card.card);
  return [
    networkLine(session.manifest, { bold: colours.bold }),
    renderTable([["digest", report.card?.digest ?? ""], ...rows]),
    ...(report.problem === undefined ? [] : ["", `${report.problem.code}  ${report.problem.what}`]),
  ].join("\n");
}

/** What a party that published has to tell its peers. */
export function publishedText({ status, card: { card }, url }: Published): string {
  const { partyId, sequence, expiresAt, signingKey } = card;
  const said = status === "unchanged" ? "is published already" : "was published";
  return [
    `party ${partyId}: its card ${said}, sequence ${sequence}, good until ${expiresAt.slice(0, 10)}`,
    ...(card.caCertificate === null
      ? [`  without CA certificate: its core has made none yet; later: npx quorate cards publish --party ${partyId}`]
      : []),
    `  address      ${url}`,
    `  fingerprint  ${signingKey.fingerprint}`,
    `  peers type   npx quorate cards trust ${partyId} ${signingKey.fingerprint} --url ${url}`,
  ].join("\n");
}

/** A card that was refused comes before one that could not be had. */
export function exitCodeOf(reports: readonly CardReport[]): number {
  const codes = reports.flatMap(({ problem }) => (problem === undefined ? [] : [problem.exitCode ?? exitCodes.usage]));
  if (codes.length === 0) return exitCodes.ok;
  return codes.find((code) => code !== exitCodes.unknown) ?? exitCodes.unknown;
}

/** What a card is known by. */
export function summaryOf({ card, digest }: VerifiedCard) {
  const { sequence, issuedAt, expiresAt, signingKey } = card;
  return { sequence, issuedAt, expiresAt, digest, fingerprint: signingKey.fingerprint };
}

export function cardsDocument(session: Session, action: string, rest: object): string {
  return JSON.stringify({ schema: "quorate/cards/v1", action, network: session.network, ...rest }, null, 2);
}

function documentOf(session: Session, action: string, parties: object[], reports: readonly CardReport[]): string {
  const findings = reports.flatMap((report) => findingOf(report));
  const isRefused = reports.some(({ problem }) => problem !== undefined && problem.exitCode !== exitCodes.unknown);
  const verdict = findings.length === 0 ? "OK" : isRefused ? "FAIL" : "UNKNOWN";
  return cardsDocument(session, action, { verdict, findings, parties });
}

function jsonOf({ partyId, status, card }: CardReport): object {
  return { partyId, status, ...(card === undefined ? {} : summaryOf(card)) };
}

function findingOf({ partyId, problem }: CardReport): Finding[] {
  if (problem === undefined) return [];
  const { code, found, expected, next } = problem;
  return [{ code, party: partyId, field: "card", found, expected, next }];
}

/** One row for each leaf: `publicVault.url`. A certificate is shown by its digest. */
function leaves(name: string, value: unknown): string[][] {
  if (value === null) return [[name, "none"]];
  if (Array.isArray(value)) return [[name, value.join(", ") || "none"]];
  if (typeof value !== "object") return name.endsWith(".pem") ? [] : [[name, String(value)]];
  return Object.entries(value as object).flatMap(([key, field]) => leaves(name === "" ? key : `${name}.${key}`, field));
}
