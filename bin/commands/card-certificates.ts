import { parseArgs } from "node:util";
import { exitCodes } from "../../contract/verdict.ts";
import { certificateSource } from "../../fleet/card-sources.ts";
import { Fleet } from "../../fleet/driver.ts";
import { readOutputs } from "../../fleet/outputs.ts";
import { type CertificateReport, copyCertificates } from "../../fleet/peer-certificates.ts";
import { networkLine } from "../../runbooks/network-line.ts";
import { clientOptions } from "../../stacks/aws-profile.ts";
import { CardFiles } from "../../stacks/card-files.ts";
import { cardsDocument, troubleLines } from "../cards-text.ts";
import { chooseParties, partyOptions } from "../party-choice.ts";
import { openSession } from "../session.ts";
import { colours, renderTable, terminal } from "../terminal.ts";
import { chooseFormat } from "./stacks.ts";

/** `cards certificates`: copies the CA certificates of live peers that have no card into one party's public vault. */
export async function certificates(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      network: { type: "string" },
      format: { type: "string", default: "table" },
      replace: { type: "boolean", default: false },
      ...partyOptions,
    },
  });
  const format = chooseFormat(values.format, ["table", "json"]);
  const session = await openSession({ network: values.network });
  const [party] = await chooseParties(session, values, "one");
  if (party === undefined) return exitCodes.usage;
  const outputs = await readOutputs(await new Fleet(session).workDir(), party);
  const { CardVault } = await import("../../fleet/card-vault.ts");
  const vault = new CardVault(outputs);
  const { awsProfile: profile, region } = party.config;
  const withCard = (await new CardFiles(session.stacksDir, session.network).readPins()).parties;
  const reports = await copyCertificates({
    peers: session.manifest.parties.filter(({ id }) => id !== party.partyId && !Object.hasOwn(withCard, String(id))),
    vault: {
      read: (partyId) => vault.readPeerCertificate(partyId),
      write: (partyId, pem) => vault.writePeerCertificate(partyId, pem),
    },
    fetchText: certificateSource((await clientOptions({ profile, region })).endpoint),
    replace: values.replace,
  });
  terminal.print(
    format === "json"
      ? documentOf(session, reports)
      : textOf(reports, networkLine(session.manifest, { bold: colours.bold })),
  );
  return exitCodeOf(reports);
}

function textOf(reports: readonly CertificateReport[], title: string): string {
  const rows = reports.map(({ partyId, status, sha256, problem }) => [
    `party ${partyId}`,
    problem?.code ?? status,
    sha256?.slice(0, 19) ?? "no certificate",
  ]);
  const troubles = reports.flatMap(({ problem }) => (problem === undefined ? [] : troubleLines(problem)));
  const isNew = reports.some(({ status }) => status === "copied" || status === "replaced");
  return [
    title,
    renderTable(rows),
    ...troubles,
    ...(isNew ? ["", "A core reads them when it starts: one that runs has to be restarted."] : []),
  ].join("\n");
}

function documentOf(session: Parameters<typeof cardsDocument>[0], reports: readonly CertificateReport[]): string {
  const findings = reports.flatMap(({ partyId, problem }) =>
    problem === undefined
      ? []
      : [
          {
            code: problem.code,
            party: partyId,
            field: "caCertificate",
            found: problem.found,
            expected: problem.expected,
            next: problem.next,
          },
        ],
  );
  const verdict = { [exitCodes.ok]: "OK", [exitCodes.unknown]: "UNKNOWN" }[exitCodeOf(reports)] ?? "FAIL";
  const parties = reports.map(({ partyId, status, sha256 }) => ({ partyId, status, sha256: sha256 ?? null }));
  return cardsDocument(session, "certificates", { verdict, findings, parties });
}

function exitCodeOf(reports: readonly CertificateReport[]): number {
  const problems = reports.flatMap(({ problem }) => problem ?? []);
  if (problems.some(({ exitCode }) => exitCode === exitCodes.refused)) return exitCodes.refused;
  return problems.length > 0 ? exitCodes.unknown : exitCodes.ok;
}
