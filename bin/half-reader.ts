import { join } from "node:path";
import type { PartyOutputs } from "../contract/party-outputs.ts";
import type { RunbookContext } from "../runbooks/context.ts";
import type { Session } from "./session.ts";

/** How runbooks get at the halves of other parties. Loaded when the first is asked for: most runbooks ask for none. */
export function halfReader(
  session: Session,
  held: readonly PartyOutputs[],
  signal: AbortSignal,
): RunbookContext["readHalf"] {
  let loading: ReturnType<typeof load> | undefined;
  return async (partyId, rules) => {
    loading ??= load(session, held, signal);
    return await (await loading)(partyId, rules);
  };
}

async function load(
  session: Session,
  held: readonly PartyOutputs[],
  signal: AbortSignal,
): Promise<RunbookContext["readHalf"]> {
  const [
    { readHalf },
    { kmsSigner },
    { CardVault },
    { partyStacks },
    { CardFiles },
    { keyFingerprint },
    { s3Endpoint },
    { SeenHalves },
  ] = await Promise.all([
    import("../fleet/halves.ts"),
    import("../fleet/card-publishing.ts"),
    import("../fleet/card-vault.ts"),
    import("../fleet/party-stacks.ts"),
    import("../stacks/card-files.ts"),
    import("../stacks/signed-document.ts"),
    import("./s3-endpoint.ts"),
    import("../fleet/seen-halves.ts"),
  ]);
  const { manifest, manifestDigest, network, stacksDir, root } = session;
  const files = new CardFiles(stacksDir, network);
  const trust = await files.readTrust();
  const stacks = await partyStacks(stacksDir, network);
  const endpoint = await s3Endpoint(stacks);
  const notUp = new Map(
    stacks
      .filter(({ partyId }) => !held.some((party) => party.partyId === partyId))
      .map(({ partyId, stackName }) => [partyId, stackName]),
  );
  const own = async (partyId: number) => {
    const outputs = held.find((party) => party.partyId === partyId);
    if (outputs === undefined) return undefined;
    return {
      fingerprint: keyFingerprint(await kmsSigner(outputs, signal).publicJwk()),
      url: new CardVault(outputs).halfUrl,
    };
  };
  const seen = new SeenHalves(join(root, ".quorate"), network);
  const reading = { files, trust, manifest, manifestDigest, endpoint, own, notUp, seen, signal };
  return async (partyId, rules) => await readHalf(partyId, rules, { ...reading, now: new Date() });
}
