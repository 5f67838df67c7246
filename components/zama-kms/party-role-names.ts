/** Names of the IAM roles of one party. */
export interface PartyRoleNames {
  core: string;
  connector: string;
}

type ChosenNames = { [kind in keyof PartyRoleNames]?: string | undefined };

/**
 * What a party's IAM roles are called. Made from what is written down before anything exists, so that the stack of the
 * backup account, and a peer's account, can name the roles without waiting for them.
 */
export function partyRoleNames(clusterName: string, partyId: number, chosen: ChosenNames = {}): PartyRoleNames {
  const core = chosen.core ?? `mpc-${clusterName}-party-${partyId}`;
  return { core, connector: chosen.connector ?? `${core}-connector` };
}
