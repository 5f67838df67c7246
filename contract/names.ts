import { z } from "zod";

/** Name of one network, as it appears in file names and on screen: `devnet`, `zama-mainnet`. */
export const NetworkName = z
  .string()
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "a network name is lower-case words joined by dashes")
  .max(40)
  .brand<"NetworkName">();
export type NetworkName = z.infer<typeof NetworkName>;

/** 1-based, as KMS Core counts parties (`threshold.my_id`). */
export const PartyId = z.int("a party id is a whole number from 1").min(1).max(1000).brand<"PartyId">();
export type PartyId = z.infer<typeof PartyId>;

/** Twelve digits. A string: leading zeros count. */
export const AccountId = z
  .string("an AWS account id is a quoted string of 12 digits")
  .regex(/^\d{12}$/, "an AWS account id has exactly 12 digits")
  .brand<"AccountId">();
export type AccountId = z.infer<typeof AccountId>;

export const Arn = z
  .string()
  .regex(
    /^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12}|aws)?:.+$/,
    "an ARN looks like arn:aws:iam::111122223333:role/name",
  )
  .brand<"Arn">();
export type Arn = z.infer<typeof Arn>;

export const Region = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "an AWS region looks like eu-west-1");

/** `sha256:` and 64 hex digits, as container registries and this program write digests. */
export const Digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, "a digest is sha256: and 64 lower-case hex digits")
  .brand<"Digest">();
export type Digest = z.infer<typeof Digest>;

export const Port = z.int().min(1).max(65535);

/** A DNS name that can be a Kubernetes Service name too. */
export const HostLabel = z
  .string()
  .regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, "a host label is at most 63 of a-z, 0-9 and -");
