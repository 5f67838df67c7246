import { expect } from "vitest";
import type { ValidateReport } from "../../contract/validate-report.ts";
import { type FaultRow, faultTable, linksOf } from "../../devnet/fault-table.ts";
import { randomFrom, shuffled } from "./random.ts";

/** Faults of the table but for some, in an order that the seed makes, the same for the same seed. */
export function sampledFaults(count: number, seed: number, except: readonly string[]): FaultRow[] {
  const rows = faultTable.filter(({ fault }) => !except.includes(fault));
  return shuffled(rows, randomFrom(seed)).slice(0, count);
}

/** Whether validation says what the table has: links, how their paths end, and findings. */
export function expectMatrix({ fault, matrix, findings }: FaultRow, report: ValidateReport): void {
  const ids = report.parties.map(({ partyId }) => partyId);
  const all = (tokens: readonly string[] = []) => [...new Set(tokens.flatMap((token) => linksOf(token, ids)))].sort();
  const name = (link: { from: number; to: number }) => `${link.from}→${link.to}`;
  const ofStatus = (status: string) =>
    report.links.flatMap((link) => (link.verdict.status === status ? [name(link)] : [])).sort();
  expect(ofStatus("FAIL"), `${fault}: links down`).toEqual(all(matrix.down));
  expect(ofStatus("UNKNOWN"), `${fault}: links that could not be told`).toEqual(all(matrix.unknown));
  for (const [token, ends] of Object.entries(matrix.paths ?? {}))
    for (const link of report.links.filter((each) => linksOf(token, ids).includes(name(each))))
      expect(`${link.probe?.code} ${link.probe?.stage}`, `${fault}: path ${name(link)}`).toBe(ends);
  expect(
    report.findings.map(({ code, party }) => ({ code, party })),
    `${fault}: findings`,
  ).toEqual(findings);
}

interface Diagnosis {
  causes: { code: string; party: number | null; link: { from: number; to: number } | null }[];
}

/** The causes as the table writes them, the first one first, without what an earlier fault left behind. */
export function causesOf({ causes }: Diagnosis): NonNullable<FaultRow["cause"]>[] {
  return causes
    .filter(({ code }) => code !== "POD_RESTARTED")
    .map(({ code, party, link }) => ({
      code,
      party: Number(party),
      ...(link && { link: `${link.from}→${link.to}` }),
    }));
}
