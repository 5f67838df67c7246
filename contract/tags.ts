import { z } from "zod";

/** Tags that everything has already. IAM does not tell `Party` from `party`, so neither do we. */
const ownTags = new Set(["network", "party", "environment", "managed-by", "name"]);

export const Tags = z
  .record(
    z
      .string()
      .regex(/^[\p{L}\p{N} _.:/=+@-]{1,128}$/u, "a tag has 1 to 128 letters, digits, spaces and _.:/=+-@")
      .refine((name) => !/^aws:/i.test(name), "tags that begin with aws: are Amazon's")
      .refine((name) => !ownTags.has(name.toLowerCase()), `${[...ownTags].join(", ")} are set already, in any case`),
    z.string().max(256),
  )
  .refine((tags) => new Set(Object.keys(tags).map((name) => name.toLowerCase())).size === Object.keys(tags).length, {
    error: "two tags differ in case only, which IAM does not tell apart",
  });
