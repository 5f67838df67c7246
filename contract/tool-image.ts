import { z } from "zod";
import { Digest } from "./names.ts";

/** Images that the kms-core chart runs beside the core: which of them depends on its version. */
export const ToolImageName = z.enum(["kubeUtils", "socat", "kubectl", "grpcHealthProbe"]);
export type ToolImageName = z.infer<typeof ToolImageName>;

/** An image by its digest, which is what is pulled. */
export const ToolImage = z.strictObject({
  repository: z.string().min(1).describe("Repository of the image, with its registry."),
  tag: z.string().min(1).describe("Tag, for people."),
  digest: Digest.describe("What is pulled."),
});
export type ToolImage = z.infer<typeof ToolImage>;
