import type { IncomingHttpHeaders } from "node:http";
import type { AwsError } from "./aws-error.ts";
import type { CloudAccount, CloudConfig } from "./config.ts";
import type { Credentials } from "./credentials.ts";
import type { Principal } from "./policy.ts";
import type { CloudStore } from "./store.ts";

/** What every service works on. */
export interface CloudContext {
  store: CloudStore;
  config: CloudConfig;
  credentials: Credentials;
  now: () => Date;
  /** False until everything listens and the ports file says where. */
  isReady: () => boolean;
}

/** One call whose signature has been verified. */
export interface AwsCall {
  method: string;
  /** Path as it came, still escaped. */
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: Buffer;
  principal: Principal;
  /** Region of the signature's scope. */
  region: string;
  requestId: string;
}

export interface AwsAnswer {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** One AWS service, or two that share a protocol. */
export interface AwsService {
  handle(call: AwsCall, cloud: CloudContext): Promise<AwsAnswer>;
  /** An error in the dialect of the service's protocol. */
  renderError(error: AwsError, call: Pick<AwsCall, "path" | "requestId" | "method">): AwsAnswer;
}

/** The account whose caller this is; an anonymous caller has none. */
export function callerAccount(call: AwsCall, cloud: CloudContext): CloudAccount | undefined {
  const { principal } = call;
  if (principal.kind === "anonymous") return undefined;
  return cloud.config.accounts.find((account) => account.accountId === principal.accountId);
}
