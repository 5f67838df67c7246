import { requireAccess } from "../access.ts";
import { type AwsCall, type CloudContext, callerAccount } from "../aws-call.ts";
import { AwsError } from "../aws-error.ts";
import type { CloudAccount } from "../config.ts";
import type { AccountStore } from "../store.ts";
import type { QueryParameters } from "./query-protocol.ts";

/** By ids, all of which have to exist, then by filters. A filter we don't know is refused: leaving it out would return too much. */
export function select<T extends Record<string, unknown>>(
  all: T[],
  parameters: QueryParameters,
  by: {
    ids: [parameter: string, field: string, missing: string];
    filters: Record<string, (each: T) => string>;
    /** What the filters `tag:<key>` look at. */
    tags?: (each: T) => Record<string, string>;
  },
): T[] {
  const [parameter, field, missingCode] = by.ids;
  const ids = parameters.list(parameter);
  const missing = ids.filter((id) => !all.some((each) => each[field] === id));
  if (missing.length > 0) throw new AwsError(missingCode, `The ID '${missing[0]}' does not exist`);
  let chosen = ids.length === 0 ? all : all.filter((each) => ids.includes(String(each[field])));
  for (let i = 1; parameters.get(`Filter.${i}.Name`) !== undefined; i += 1) {
    const name = parameters.require(`Filter.${i}.Name`);
    const values = parameters.list(`Filter.${i}.Value`);
    const { tags } = by;
    const ofTag = tags && name.startsWith("tag:") && ((each: T) => tags(each)[name.slice("tag:".length)] ?? "");
    const read = Object.hasOwn(by.filters, name) ? by.filters[name] : ofTag;
    if (!read) throw new AwsError("InvalidAction", `The simulated cloud does not implement the filter ${name}`, 501);
    chosen = chosen.filter((each) => values.includes(read(each)));
  }
  return chosen;
}

/** Whose account the call is about; throws unless the caller may make it. */
export function allow(
  action: string,
  call: AwsCall,
  cloud: CloudContext,
): { owner: CloudAccount; account: AccountStore; region: string } {
  const owner = callerAccount(call, cloud);
  if (!owner) throw new AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401);
  const { accountId } = owner;
  const request = {
    principal: call.principal,
    action: `ec2:${action}`,
    resource: "*",
    resourceAccountId: accountId,
    context: { "aws:requestedregion": call.region },
  };
  requireAccess(cloud.store, request);
  return { owner, account: cloud.store.account(accountId), region: call.region };
}

export function text(value: unknown, otherwise = ""): string {
  return value === undefined || value === null ? otherwise : String(value);
}
