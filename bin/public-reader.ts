import { entryOf } from "../contract/card-trust.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { PartyOutputs } from "../contract/party-outputs.ts";
import { signingKeyHandle } from "../contract/signing-key-handle.ts";
import type { PublishedText, RunbookContext } from "../runbooks/context.ts";
import type { Session } from "./session.ts";

/** How runbooks read the parties' public vaults, as anybody may. Loaded when the first is asked for. */
export function publicReader(
  session: Session,
  held: readonly PartyOutputs[],
  signal: AbortSignal,
): RunbookContext["readPublished"] {
  let loading: ReturnType<typeof load> | undefined;
  return async (holder, object) => {
    loading ??= load(session, held, signal);
    return await (await loading)(holder, object);
  };
}

async function load(
  session: Session,
  held: readonly PartyOutputs[],
  signal: AbortSignal,
): Promise<RunbookContext["readPublished"]> {
  const [{ fetchPublic, isForbidden, publicAddress }, { partyStacks }, { CardFiles }, { s3Endpoint }] =
    await Promise.all([
      import("../fleet/card-sources.ts"),
      import("../fleet/party-stacks.ts"),
      import("../stacks/card-files.ts"),
      import("./s3-endpoint.ts"),
    ]);
  const { manifest, network, stacksDir } = session;
  const trust = await new CardFiles(stacksDir, network).readTrust();
  const endpoint = await s3Endpoint(await partyStacks(stacksDir, network));
  /** Address of all that a party publishes, its prefix included. */
  const addressOf = (partyId: number): string | undefined => {
    const outputs = held.find((party) => party.partyId === partyId);
    if (outputs !== undefined) return `${outputs.publicVault.url}/${outputs.publicVault.prefix}`;
    const party = manifest.parties.find(({ id }) => id === partyId);
    return party && publicAddress(party, entryOf(trust?.parties ?? {}, partyId));
  };
  return async (holder, { type, of }): Promise<PublishedText> => {
    const address = addressOf(holder);
    if (address === undefined) return { status: "unknown", reason: "nobody here knows where its public vault is" };
    // The own objects lie under the own prefix; a core looks for its peers' under their numbers.
    const folder = of === holder ? address : address.replace(/[^/]+$/, `PUB-p${of}`);
    try {
      const text = await fetchPublic(`${folder}/${type}/${signingKeyHandle}`, {
        endpoint,
        signal,
        accept: "*/*",
        code: "CERTIFICATE_UNREACHABLE",
        what: `party ${holder}: its public vault can not be read`,
      });
      return text === undefined ? { status: "absent" } : { status: "found", text };
    } catch (failure) {
      if (isForbidden(failure)) return { status: "forbidden" };
      if (!(failure instanceof OperatorError)) throw failure;
      return { status: "unknown", reason: failure.problem.found };
    }
  };
}
