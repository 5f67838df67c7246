import { entryOf } from "../contract/card-trust.ts";
import type { Digest } from "../contract/names.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";
import type { CardFiles } from "../stacks/card-files.ts";

/** By which key a party is to be known from now on. */
export interface Decision {
  partyId: number;
  fingerprint: Digest;
  /** Left out: where it was, or as the manifest says. */
  url?: string | undefined;
}

/**
 * Writes down whose key signs each party's cards: all of them or, where one is refused, none. Gives where each is
 * known to publish.
 */
export async function decideTrust(
  files: CardFiles,
  decisions: readonly Decision[],
  { replace }: { replace: boolean },
): Promise<(string | undefined)[]> {
  const known = { ...(await files.readTrust())?.parties };
  const decided = decisions.map(({ partyId, fingerprint, url }) => {
    const before = entryOf(known, partyId);
    requireOwnKey(files, known, { partyId, fingerprint });
    if (before !== undefined && before.fingerprint !== fingerprint && !replace)
      throw new OperatorError({
        code: "CARD_TRUST_EXISTS",
        what: `party ${partyId} is known by another key`,
        found: `${before.fingerprint} in ${files.trustPath}`,
        expected: "--replace, once the party itself said by another way that it has a new key",
        next: `npx quorate cards trust ${partyId} ${fingerprint} --replace`,
        exitCode: exitCodes.refused,
      });
    const address = url ?? before?.url;
    const trusted = { fingerprint, ...(address === undefined ? {} : { url: address }) };
    known[String(partyId)] = trusted;
    return { partyId, trusted };
  });
  for (const { partyId, trusted } of decided) await files.writeTrust(partyId, trusted);
  return decided.map(({ trusted }) => trusted.url);
}

function requireOwnKey(
  { trustPath }: CardFiles,
  known: Record<string, { fingerprint: Digest }>,
  { partyId, fingerprint }: Decision,
): void {
  const owner = Object.entries(known).find(
    ([id, other]) => id !== String(partyId) && other.fingerprint === fingerprint,
  );
  if (owner === undefined) return;
  throw new OperatorError({
    code: "CARD_KEY_SHARED",
    what: `party ${partyId}: that is the key of party ${owner[0]}`,
    found: `${fingerprint}, of party ${owner[0]} in ${trustPath}`,
    expected: "a key of its own for each party",
    next: `ask party ${partyId} for its fingerprint again`,
    exitCode: exitCodes.refused,
  });
}
