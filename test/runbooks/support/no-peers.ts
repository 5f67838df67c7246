import type { RunbookContext } from "../../../runbooks/context.ts";

/** What a runbook that reads no public vault is given in their place. */
export const noVaults: RunbookContext["readPublished"] = async () => ({ status: "unknown", reason: "no vault here" });

/** What a runbook that joins no halves is given in their place. */
export const noHalves: RunbookContext["readHalf"] = async (partyId) => ({
  partyId,
  source: null,
  half: null,
  digest: null,
  problem: null,
});

/** What a runbook that compares with nothing is given in its place. */
export const noBaselines: RunbookContext["baseline"] = (of) => ({
  path: `baselines/devnet.${of}.json`,
  read: async () => undefined,
  replace: async () => {},
});
