import { z } from "zod";
import {
  CertificateSights,
  CertificatesReport,
  type FoundAddress,
  type FoundCertificate,
} from "../../contract/certificates-report.ts";
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
        run: ({ signal }) => lookAtCertificates(context, signal),
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

/** Every public vault as anybody sees it. Never throws because of what a vault does. */
export async function lookAtCertificates(context: Context, signal: AbortSignal): Promise<CertificateSights> {
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

/** How often a vault may give no answer before it is asked for nothing more: each time costs the whole patience with it. */
const mostSilences = 2;

/** One vault. One that does not answer at all is asked once, not once for each object. */
async function lookInto(holder: number, { manifest, readPublished }: Context, signal: AbortSignal) {
  const ownText = await readPublished(holder, { type: "CACert", of: holder });
  const silences = ownText.status === "unknown" ? Array(mostSilences).fill(ownText) : [];
  let isOpen = ownText.status === "found";
  const read = async (type: "CACert" | "VerfAddress", of: number): Promise<PublishedText> => {
    if (silences.length >= mostSilences) return silences[0];
    if (signal.aborted) return { status: "unknown", reason: "interrupted" };
    const text = await readPublished(holder, { type, of });
    if (text.status === "unknown") silences.push(text);
    isOpen ||= text.status === "found";
    return text;
  };
  const address = await read("VerfAddress", holder);
  const copies = [];
  for (const { id: of } of manifest.parties) if (of !== holder) copies.push({ of, text: await read("CACert", of) });
  const settled = (text: PublishedText) => settle(text, isOpen);
  return {
    own: certificateIn(settled(ownText)),
    address: addressIn(settled(address)),
    copies: copies.map(({ of, text }) => ({ of, copy: certificateIn(settled(text)) })),
  };
}

/** In a vault of which the world can read something, what it may not read is not there. */
function settle(text: PublishedText, isOpen: boolean): Exclude<PublishedText, { status: "forbidden" }> {
  if (text.status !== "forbidden") return text;
  return isOpen
    ? { status: "absent" }
    : { status: "unknown", reason: "nothing in its public vault can be read by the world, or nothing is there" };
}

type Settled = ReturnType<typeof settle>;

function certificateIn(found: Settled): FoundCertificate {
  return found.status === "found" ? readCaCertificate(found.text) : found;
}

function addressIn(found: Settled): FoundAddress {
  if (found.status !== "found") return found;
  const address = found.text.trim().toLowerCase();
  return /^0x[0-9a-f]{40}$/.test(address)
    ? { status: "found", value: address }
    : { status: "unreadable", detail: "what its core published as its address is none" };
}
