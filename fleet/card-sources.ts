import { join } from "node:path";
import type { Trusted } from "../contract/card-trust.ts";
import { type ManifestParty, publishedAt } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { cardObjectName } from "../contract/party-card.ts";
import { exitCodes } from "../contract/verdict.ts";
import { largestCard } from "../stacks/card-verification.ts";
import { readIfThere } from "../stacks/text-file.ts";

/** A card as it was found, before anything of it is believed. */
export interface FoundCard {
  text: string;
  /** Where, for errors. */
  source: string;
}

/** Where cards come from. Undefined where a party has none there. */
export type CardSource = (partyId: number, trusted: Trusted | undefined) => Promise<FoundCard | undefined>;

const patienceMs = 10_000;

/** Bytes, of a document in a folder: far above any, and little enough to read that of each party. */
const largestFile = 2 ** 20;

/**
 * Each party's public vault, over HTTPS, asked as anybody may ask: at the address that was decided with its key, else where its manifest says.
 * `endpoint` is where the AWS configuration sends S3's calls, if it sends them elsewhere.
 */
export function vaultSource(
  endpoint: string | undefined,
  parties: readonly ManifestParty[] = [],
  signal?: AbortSignal,
): CardSource {
  return async (partyId, trusted) => {
    if (trusted === undefined) return undefined;
    const party = parties.find(({ id }) => id === partyId);
    const url = trusted.url ?? (party && cardAddress(party));
    if (url === undefined) return undefined;
    const text = await fetchPublic(url, {
      endpoint,
      signal,
      accept: "application/jose",
      code: "CARD_UNREACHABLE",
      what: `party ${partyId}: its card can not be fetched`,
    });
    return text === undefined ? undefined : { text, source: url };
  };
}

/** Fetches live peers' CA certificates, as anybody may. */
export function certificateSource(endpoint: string | undefined): (url: string) => Promise<string | undefined> {
  return async (url) =>
    await fetchPublic(url, {
      endpoint,
      accept: "application/x-pem-file",
      code: "CERTIFICATE_UNREACHABLE",
      what: "a peer's CA certificate can not be fetched",
    });
}

interface Asked {
  endpoint: string | undefined;
  /** Ends the wait early. */
  signal?: AbortSignal | undefined;
  accept: string;
  /** Of the error, where nothing comes. */
  code: string;
  what: string;
  /** Bytes; what is longer is cut off, to be refused for its length. @default those of a card */
  largest?: number;
}

/** An answer that is no text. */
class HttpStatus extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`HTTP status ${status}${status === 403 ? ": nothing is there, or nothing that the world may read" : ""}`);
    this.status = status;
  }
}

/**
 * Whether S3 refused to answer. It does so too where nothing is there: of a public vault the world may read objects, and not list them.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
export function isForbidden(failure: unknown): boolean {
  return failure instanceof OperatorError && failure.cause instanceof HttpStatus && failure.cause.status === 403;
}

/** A public object's text; undefined where there is none. */
export async function fetchPublic(url: string, asked: Asked): Promise<string | undefined> {
  const { endpoint, accept, code, what } = asked;
  const patience = AbortSignal.timeout(patienceMs);
  try {
    const response = await fetch(atEndpoint(url, endpoint), {
      redirect: "error",
      signal: asked.signal ? AbortSignal.any([patience, asked.signal]) : patience,
      headers: { accept },
    });
    if (response.status === 404) return undefined;
    if (!response.ok) throw new HttpStatus(response.status);
    return await limited(response, asked.largest ?? largestCard);
  } catch (cause) {
    throw new OperatorError(
      {
        code,
        what,
        found: `${reason(cause)}, from ${url}`,
        expected: `an answer within ${patienceMs / 1000} s, without redirection`,
        next: `curl -I ${url}`,
        exitCode: exitCodes.unknown,
      },
      { cause },
    );
  }
}

/** Where a live party's card is, as far as the manifest tells. */
export function cardAddress(party: ManifestParty): string | undefined {
  const published = publishedAt(party);
  return published && `${published}/${cardObjectName}`;
}

/** Where all lies that a party publishes: around the card whose address was decided with its key, else where the manifest says. */
export function publicAddress(party: ManifestParty, trusted: Trusted | undefined): string | undefined {
  const [card, ending] = [trusted?.url, `/${cardObjectName}`];
  return card?.endsWith(ending) ? card.slice(0, -ending.length) : publishedAt(party);
}

/**
 * A folder that holds cards as `party-<n>.jws`, or a checked-out repository that holds such a folder under the network's name. Other documents
 * have another ending.
 */
export function folderSource(folder: string, network: string, ending = ".jws"): CardSource {
  const places = [[], [network], ["cards", network], ["stacks", "cards", network]];
  return async (partyId) => {
    for (const place of places) {
      const path = join(folder, ...place, `party-${partyId}${ending}`);
      const text = await readIfThere(path, largestFile);
      if (text !== undefined) return { text, source: path };
    }
    return undefined;
  };
}

/** A bucket's address, as the configured endpoint has it. */
export function atEndpoint(url: string, endpoint: string | undefined): string {
  const { hostname, pathname } = new URL(url);
  const bucket = /^(.+)\.s3[.-][a-z0-9-]+\.amazonaws\.com(\.cn)?$/.exec(hostname)?.[1];
  return endpoint === undefined || bucket === undefined ? url : `${endpoint.replace(/\/$/, "")}/${bucket}${pathname}`;
}

/** The answer, as far as the document can reach: what is longer is cut off, and refused for its length. */
async function limited(response: Response, largest: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > largest) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** What fetch hides in the cause of its error. */
function reason(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return inner instanceof Error ? inner.message : String(inner);
}
