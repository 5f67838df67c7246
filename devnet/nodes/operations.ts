import * as grpc from "@grpc/grpc-js";
import type { CoreSpeech } from "./core-log.ts";
import { defaultEpochId } from "./fixed-ids.ts";
import type { CoreMetrics } from "./metrics.ts";

/** What computes, by gRPC method: the operation's name in metrics and logs, and under which name the rate limiter has its price in tokens. */
const operations = {
  KeyGenPreproc: { operation: "keygen_preproc_request", price: "preproc" },
  KeyGen: { operation: "keygen_request", price: "keygen" },
  CrsGen: { operation: "crs_gen_request", price: "crsgen" },
  PublicDecrypt: { operation: "public_decrypt_request", price: "pub_decrypt" },
  UserDecrypt: { operation: "user_decrypt_request", price: "user_decrypt" },
  NewMpcEpoch: { operation: "new_mpc_epoch", price: "new_epoch" },
} as const;

export type Method = keyof typeof operations;
export const methods = Object.keys(operations) as Method[];

export interface OperationFaults {
  /** Others hold all tokens of the rate limiter. */
  rateLimited: boolean;
  /** No epoch was ever made. */
  noPrss: boolean;
}

/** A refusal in the words of the real core: the status for the caller, its reason for the log only. */
export function refuse(
  method: Method,
  prices: Readonly<Record<string, unknown>>,
  faults: OperationFaults,
  metrics: CoreMetrics,
  speech: CoreSpeech,
): { code: grpc.status; details: string } {
  const { operation, price } = operations[method];
  metrics.asked(operation);
  const requestId = "0".repeat(64);
  const fail = (code: grpc.status, name: string, error: Parameters<CoreMetrics["failed"]>[1], why: string) => {
    metrics.failed(operation, error);
    speech.module(
      "kms_lib::engine::utils",
      "ERROR",
      "core/service/src/engine/utils.rs:336",
      `Grpc failure on requestID ${requestId} with metric ${operation} and error code ${name}. Error message: ${why}`,
    );
    return { code, details: `Failed on requestID ${requestId} with metric ${operation}` };
  };
  if (faults.rateLimited)
    return fail(
      grpc.status.RESOURCE_EXHAUSTED,
      "Some resource has been exhausted",
      "resource_exhausted",
      `not enough tokens in bucket for ${price}, need ${prices[price] ?? 1} from 0: no permits available`,
    );
  if (faults.noPrss && method !== "NewMpcEpoch")
    return fail(
      grpc.status.NOT_FOUND,
      "Some requested entity was not found",
      "not_found",
      `Epoch ${defaultEpochId} not found`,
    );
  metrics.failed(operation, "other");
  return { code: grpc.status.UNIMPLEMENTED, details: "the devnet's cores compute nothing" };
}
