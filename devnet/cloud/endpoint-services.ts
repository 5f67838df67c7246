import type { CloudContext } from "./aws-call.ts";
import { offersService } from "./providers/aws/endpoint-service.ts";

/** Party that offers a service: one that the devnet was told of, or one that a stack has made. */
export function offeredBy(
  serviceName: string,
  { config, store }: Pick<CloudContext, "config" | "store">,
): number | null {
  const made = () =>
    config.accounts.find(({ accountId }) => offersService(store.account(accountId), serviceName))?.partyId;
  return config.endpointServices[serviceName] ?? made() ?? null;
}
