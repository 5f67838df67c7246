import { z } from "zod";
import { OperatorError } from "./operator-error.ts";

/**
 * Untrusted → typed, at an edge. What does not fit becomes one OperatorError that names the source and every field; rejected values are
 * left out, because they may be secrets.
 */
export function parse<T extends z.ZodType>(
  schema: T,
  value: unknown,
  source: { code: string; what: string; next: string },
): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new OperatorError({
    code: source.code,
    what: source.what,
    found: z.prettifyError(result.error),
    expected: "values that fit the contract",
    next: source.next,
  });
}
