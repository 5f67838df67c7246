import { randomBytes } from "node:crypto";
import type { CloudAccount } from "../../config.ts";
import type { AccountStore, CloudStore } from "../../store.ts";
import type { Properties } from "../property-values.ts";

/** Who calls, and where: one configured AWS provider. */
export interface AwsCaller {
  account: CloudAccount;
  region: string;
  store: AccountStore;
  cloud: CloudStore;
  endpointServices: { readonly [serviceName: string]: number };
  signal: AbortSignal;
}

/**
 * What one resource type does beyond what its table entry says. `create` and `update` return the properties that the cloud adds; whoever calls
 * them writes inputs, defaults and those to the account's store.
 */
export interface AwsResource {
  create(caller: AwsCaller, inputs: Properties): { id: string; computed: Properties };
  /** Runs with the record written; a failure here leaves the resource in the state, to be repaired or deleted. */
  settle?(caller: AwsCaller, id: string, props: Properties, before: Properties | undefined): Promise<Properties>;
  update?(caller: AwsCaller, id: string, inputs: Properties, before: Properties): Properties;
  /** Before the record goes. */
  remove?(caller: AwsCaller, id: string, props: Properties): Promise<void> | void;
  /** The record stays behind, and the resource counts as gone. */
  gone?(props: Properties): boolean;
}

/** An error worded as the AWS SDK words it, as operators know it from the real provider. */
export function awsError(service: string, operation: string, status: number, code: string, message: string): Error {
  const requestId = randomBytes(8).toString("hex").toUpperCase();
  return new Error(
    `operation error ${service}: ${operation}, https response error StatusCode: ${status}, RequestID: ${requestId}, api error ${code}: ${message}`,
  );
}

/** An EC2-style id: `sg-` and 17 hex digits. */
export const hexId = (prefix: string): string => `${prefix}-0${randomBytes(8).toString("hex")}`;

const idLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** An IAM-style id: `AROA` and 17 letters or digits. */
export const iamId = (prefix: string): string =>
  prefix + [...randomBytes(17)].map((byte) => idLetters[byte % idLetters.length]).join("");

export const text = (value: unknown): string => String(value ?? "");
export const record = (value: unknown): Properties => (value ?? {}) as Properties;
export const list = <T>(value: unknown): T[] => (Array.isArray(value) ? (value as T[]) : []);
