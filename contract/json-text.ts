import { z } from "zod";

/** JSON in text, as a provider's settings lie in a stack's state where they have parts. */
export const JsonText = z.string().transform((text, context) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    context.addIssue("not JSON");
    return z.NEVER;
  }
});

/** What a text holds as JSON; undefined where it holds none. */
export function readJson(text: string): unknown {
  return JsonText.safeParse(text).data;
}
