import { z } from "zod";
import { CertificateSights, CertificatesReport, type FoundCertificate } from "../../contract/certificates-report.ts";
import { partyHost } from "../../contract/network-manifest.ts";
import type { PublishedText, RunbookContext } from "../context.ts";
import { runbook, step } from "../runbook.ts";
import { readCaCertificate } from "./ca-certificate.ts";
import { renderCertificatesJunit, renderCertificatesMarkdown, renderCertificatesText } from "./certificates-text.ts";
import { judgeCertificates } from "./judge-certificates.ts";

/** Compares every party's own CA certificate with every copy of it, as anybody can: public vaults are public. */
export default runbook({
  name: "certificates",
  summary:
    "Compare every party's own CA certificate with every peer's copy of it, with the party's name and with its signing key.",
  risk: "read-only",
  systems: ["zama-kms"],
  inputs: z.strictObject({}),
  plan(context) {
    const n = context.manifest.parties.length;
    return [
      step({
        id: "read",
        does: `read ${n} public vaults as anybody may: ${n} own certificates, ${n} addresses of signing keys, ${n * (n - 1)} copies`,
        repeat: "safe",
        evidence: CertificateSights,
        run: ({ signal }) => look(context, signal),
      }),
      step({
        id: "judge",
        does: `compare ${n * (n - 1)} copies`,
        repeat: "safe",
        evidence: CertificatesReport,
        run: async ({ evidence }) => judgeCertificates(evidence("read", CertificateSights)),
      }),
    ];
  },
  report({ evidence }) {
    const json = evidence("judge", CertificatesReport);
    return {
      json,
      text: (style) => renderCertificatesText(json, style),
      markdown: () => renderCertificatesMarkdown(json),
      junit: () => renderCertificatesJunit(json),
    };
  },
});

type Context = Pick<RunbookContext, "manifest" | "manifestDigest" | "clock" | "progress" | "readPublished">;

async function look(context: Context, signal: AbortSignal): Promise<CertificateSights> {
  const { manifest, manifestDigest, clock } = context;
  const startedAt = clock.now().toISOString();
  const started = performance.now();
  let read = 0;
  const parties = await Promise.all(
    manifest.parties.map(async (party) => {
      const sight = await lookInto(party.id, context, signal);
      read += 1;
      context.progress(`${read} of ${manifest.parties.length} vaults read`);
      return { partyId: party.id, name: party.name, host: partyHost(party), ...sight };
    }),
  );
  signal.throwIfAborted();
  return {
    network: manifest.network,
    environment: manifest.environment,
    manifestDigest,
    startedAt,
    durationMs: Math.round(performance.now() - started),
    parties,
  };
}

/** One vault. One that does not answer is asked once, not once for each object. */
async function lookInto(holder: number, { manifest, readPublished }: Context, signal: AbortSignal) {
  const ownText = await readPublished(holder, { type: "CACert", of: holder });
  const read = async (type: "CACert" | "VerfAddress", of: number): Promise<PublishedText> => {
    if (ownText.status === "unknown") return ownText;
    return signal.aborted ? { status: "unknown", reason: "interrupted" } : await readPublished(holder, { type, of });
  };
  const address = await read("VerfAddress", holder);
  const copies = [];
  for (const { id: of } of manifest.parties)
    if (of !== holder) copies.push({ of, copy: certificateIn(await read("CACert", of)) });
  return {
    own: certificateIn(ownText),
    address: address.status === "found" ? { status: "found" as const, value: address.text } : address,
    copies,
  };
}

function certificateIn(found: PublishedText): FoundCertificate {
  return found.status === "found" ? readCaCertificate(found.text) : found;
}
