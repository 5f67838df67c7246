import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "./check-args.ts";

export interface PolicyExceptionArgs {
  /** Id of the rule that does not hold for now. */
  rule: "tls-never-off";
  /** `development` holds on a devnet only; `custodian-recovery` until its end. */
  kind: "development" | "custodian-recovery";
  /** Why, for whoever reads the stack's history. */
  reason: string;
  /** End of a recovery, in UTC: `2026-11-21T10:00:00Z`. */
  until?: string;
}

/**
 * An exception from a rule of the policy pack, on record: it stands in the preview that takes it, in the stack's state,
 * and in its history. Creates nothing.
 */
export class PolicyException extends pulumi.ComponentResource {
  constructor(name: string, args: PolicyExceptionArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`policy exception ${name}`, [
      args.reason.trim() === "" && { propertyPath: "reason", reason: "is empty: nobody could judge it later" },
      args.kind === "custodian-recovery" &&
        Number.isNaN(Date.parse(args.until ?? "")) && {
          propertyPath: "until",
          reason: `a recovery ends at a time, such as 2026-11-21T10:00:00Z, found ${args.until ?? "none"}`,
        },
    ]);
    super("quorate:policies:PolicyException", name, {}, opts);
    this.registerOutputs({ ...args });
  }
}
