import { z } from "zod";
import {
  CertificateSights,
  CertificatesReport,
  type FoundAddress,
  type FoundCertificate,
} from "../../contract/certificates-report.ts";
import { KeyGenerationReport } from "../../contract/key-generation-report.ts";
import { partyHost } from "../../contract/network-manifest.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import type { PartyAccess, PublishedText, RunbookContext } from "../context.ts";
import { chosenParties } from "../network/validate.ts";
import { runbook, step } from "../runbook.ts";
import { readCaCertificate } from "./ca-certificate.ts";
import { renderCertificatesJunit, renderCertificatesMarkdown, renderCertificatesText } from "./certificates-text.ts";
import { generateSteps } from "./generate-keys.ts";
import { renderKeysJunit, renderKeysMarkdown, renderKeysText } from "./generate-keys-text.ts";
import { judgeCertificates } from "./judge-certificates.ts";

const Inputs = z.strictObject({
  generate: z
    .boolean()
    .default(false)
    .describe("make the keys and CA certificates of one's own parties that have none, and check what came of it"),
  party: z
    .array(z.coerce.number<number>().int().min(1))
    .min(1)
    .optional()
    .describe("with --generate: of these only (default all for which credentials are held)"),
  deadline: z.coerce
    .number<number>()
    .int()
    .min(10)
    .max(3600)
    .default(600)
    .describe("with --generate: seconds within which the Job of one party has to end"),
});

/** Compares every party's own CA certificate with every copy of it, as anybody can: public vaults are public. */
export default runbook({
  name: "certificates",
  summary:
    "Compare every party's own CA certificate with every peer's copy of it, with the party's name and with its signing key.",
  risk: "read-only",
  riskWith: { generate: "disruptive" },
  summaryWith: {
    generate:
      "Make the keys and CA certificate of each of one's own parties that has none, by its release's own Job, and check them.",
  },
  joinsOthers: true,
  systems: ["zama-kms"],
  inputs: Inputs,
  async plan(context) {
    const { generate, party, deadline } = context.inputs;
    if (generate)
      return await generateSteps(ownParties(context.parties, party), context, { deadlineMs: deadline * 1000 });
    if (party !== undefined) throw onlyWithGenerate(party);
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
    const json = evidence("judge", z.union([CertificatesReport, KeyGenerationReport]));
    if (json.schema === "quorate/key-generation/v1")
      return {
        json,
        text: (style) => renderKeysText(json, style),
        markdown: () => renderKeysMarkdown(json),
        junit: () => renderKeysJunit(json),
      };
    return {
      json,
      text: (style) => renderCertificatesText(json, style),
      markdown: () => renderCertificatesMarkdown(json),
      junit: () => renderCertificatesJunit(json),
    };
  },
});

function ownParties(held: readonly PartyAccess[], wanted: readonly number[] | undefined): PartyAccess[] {
  const chosen = chosenParties(held, wanted);
  if (chosen.length > 0) return chosen;
  throw new OperatorError({
    code: "PARTY_NOT_HELD",
    what: "there is no party here whose keys could be made",
    found: "credentials of no party",
    expected: "a party of one's own: each makes its keys itself",
    next: "npx quorate up --party <id>",
  });
}

function onlyWithGenerate(party: readonly number[]): OperatorError {
  return new OperatorError({
    code: "INPUTS_INVALID",
    what: "the comparison is of all parties",
    found: `--party ${party.join(",")} without --generate`,
    expected: "--party with --generate",
    next: "npx quorate run certificates",
  });
}

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
