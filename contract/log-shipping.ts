import { z } from "zod";
import { HostLabel } from "./names.ts";

/** What CloudWatch takes. @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const retentions = [90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

const image = z
  .string()
  .regex(/^[^\s@]+@sha256:[0-9a-f]{64}$/, "pin the image by digest: name:tag@sha256:…")
  .describe("Image of Fluent Bit, such as public.ecr.aws/aws-observability/aws-for-fluent-bit, by its digest.");

/** Where the logs of core and connector go. `none` and not `off`: that is a false to YAML 1.1. */
export const LogShipping = z.union(
  [
    z.strictObject({
      shipping: z.literal("cloudwatch").describe("To a log group of this stack, encrypted under a key of its own."),
      image,
      retentionDays: z
        .int()
        .refine((days) => retentions.includes(days), `one of ${retentions.join(", ")}: CloudWatch knows no other`)
        .default(400)
        .describe("Days until a log goes."),
    }),
    z.strictObject({
      shipping: z.literal("sink").describe("To a collector of the party's own, as JSON over HTTPS."),
      image,
      host: z
        .string()
        .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, "a host's name, such as logs.example.com")
        .describe("Host that takes them."),
      port: z.int().min(1).max(65535).default(443).describe("Its port."),
      path: z
        .string()
        .regex(/^\/[\w./-]*$/, "a path begins with / and has no white space")
        .default("/")
        .describe("Path of the requests."),
      secret: HostLabel.optional().describe(
        "Secret in the party's namespace whose key `authorization` is sent along as header. Left out: none is.",
      ),
    }),
    z.strictObject({ shipping: z.literal("none").describe("Nowhere: what a container says is gone with its node.") }),
  ],
  { error: "logs is { shipping: cloudwatch, … }, { shipping: sink, … } or { shipping: none }" },
);
export type LogShipping = z.infer<typeof LogShipping>;
