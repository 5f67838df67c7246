import { z } from "zod";
import { Arn } from "./names.ts";

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
export const RoleName = z
  .string()
  .regex(/^[A-Za-z0-9+=,.@_-]{1,64}$/, "an IAM role's name is at most 64 of A-Z, a-z, 0-9 and +=,.@_-");

/** By its id, and never by an alias: whoever moves an alias would move the vault to another key. */
export const KeyArn = Arn.refine(
  (arn) => /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/.test(arn),
  "a key's ARN looks like arn:aws:kms:eu-west-1:111122223333:key/…",
);

/** How a key of our own making is kept. */
export const keptKey = {
  deletionWindowDays: z
    .int()
    .min(7)
    .max(30)
    .default(30)
    .describe("Days between a request to delete the key and its end."),
  administratorArns: z
    .array(Arn)
    .min(1)
    .optional()
    .describe("Who may manage the key; none of them can use it. Left out: whom the account's own IAM policies allow."),
};

/** A key of another account has its administrators there. */
export function isAdministeredHere(key: { arn?: string | undefined; administratorArns?: string[] | undefined }) {
  return key.arn === undefined || key.administratorArns === undefined;
}

export const elsewhereAdministered = {
  path: ["administratorArns"],
  error: "a key of another account has its administrators there; remove this or arn",
};
