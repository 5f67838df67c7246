import { z } from "zod";
import { Port } from "./names.ts";

/** What a core answers at its metrics port. */
export const corePaths = ["/health", "/ready", "/live", "/version", "/config", "/metrics"] as const;
export type CorePath = (typeof corePaths)[number];

/** What the prober's `http` mode is asked on standard input: GET of each path of one server. Times are milliseconds. */
export const HttpRequest = z.strictObject({
  contract: z.literal("http/v1"),
  host: z.string().min(1),
  port: Port,
  /** Deadline of each path, connection included. */
  timeoutMs: z.int().min(50).max(60_000),
  /** More than this of a body is left out. */
  maxBytes: z
    .int()
    .min(1)
    .max(2 ** 21),
  paths: z.array(z.string().regex(/^\/[\w./-]*$/)).max(20),
});
export type HttpRequest = z.infer<typeof HttpRequest>;

const HttpAnswer = z.discriminatedUnion("outcome", [
  z.strictObject({
    outcome: z.literal("answered"),
    path: z.string(),
    status: z.int(),
    text: z.string(),
    truncated: z.boolean(),
    durationMs: z.number(),
  }),
  z.strictObject({ outcome: z.literal("silent"), path: z.string(), code: z.string(), detail: z.string() }),
]);

export const HttpReply = z.strictObject({ contract: z.literal("http/v1"), answers: z.array(HttpAnswer) });
export type HttpReply = z.infer<typeof HttpReply>;
