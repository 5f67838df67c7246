import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { fileError } from "../contract/file-error.ts";
import { JsonText } from "../contract/json-text.ts";
import { Digest } from "../contract/names.ts";
import { parse } from "../contract/parse.ts";
import type { HalfRules } from "../contract/validate-half.ts";
import { readIfThere, replaceFile } from "../stacks/text-file.ts";
import type { VerifiedHalf } from "./half-verification.ts";

/** The newest half of a party that counted here. */
const SeenHalf = z.strictObject({
  contract: z.literal("seen-half/v1"),
  /** The key that signed it: another key begins anew. */
  fingerprint: Digest,
  issuedAt: z.iso.datetime(),
  digest: Digest,
});
export type SeenHalf = z.infer<typeof SeenHalf>;

/**
 * Remembers, in the operator's own folder, the newest half of each party and stage that counted here, so that an older one that is put back in
 * its place is known as such. A half says itself when it was signed; no other number is needed.
 */
export class SeenHalves {
  readonly #dir: string;

  constructor(stateDir: string, network: string) {
    this.#dir = join(stateDir, "halves", network);
  }

  pathOf(partyId: number, stage: HalfRules["stage"]): string {
    return join(this.#dir, `party-${partyId}-${stage}.json`);
  }

  async newest(partyId: number, stage: HalfRules["stage"]): Promise<SeenHalf | undefined> {
    const path = this.pathOf(partyId, stage);
    const text = await readIfThere(path);
    if (text === undefined) return undefined;
    return parse(JsonText.pipe(SeenHalf), text, {
      code: "SEEN_HALF_INVALID",
      what: `what is remembered of party ${partyId}'s last half can not be read`,
      next: `remove ${path}, and see to it that the next half of party ${partyId} is a new one: npx quorate report --max-age 5`,
    });
  }

  /** Remembers a half that counted, unless it is known. */
  async remember({ half, digest }: VerifiedHalf, known: SeenHalf | undefined): Promise<void> {
    const { partyId, stage, issuedAt, signingKey } = half;
    if (known?.digest === digest) return;
    const path = this.pathOf(partyId, stage);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((failure: unknown) => {
      throw fileError(failure, path) ?? failure;
    });
    const seen: SeenHalf = { contract: "seen-half/v1", fingerprint: signingKey.fingerprint, issuedAt, digest };
    await replaceFile(path, `${JSON.stringify(SeenHalf.parse(seen))}\n`, 0o600);
  }
}
