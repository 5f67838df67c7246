import { imagesOf, imageTypes } from "./images-pinned.ts";
import type { ResourceRule } from "./rule.ts";

export const imagesByDigest: ResourceRule = {
  id: "images-by-digest",
  severity: "advisory",
  guarantees: "Every container runs from an image that is named by its digest.",
  why: "A tag can be moved. Advisory, because AWS publishes its device plugin by tag alone: whoever has looked its digest up names it. What runs in the enclave is proven by its measurements.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: aws-nitro-enclaves-k8s-device-plugin:v0.3",
  fix: "trustedReleases[].image.digest in the manifest; quorate:proberImage and quorate:enclaveNodes.devicePluginImage in the stack file",
  types: imageTypes,
  check(subject, tell) {
    for (const { field, image } of imagesOf(subject))
      if (!/@sha256:[0-9a-f]{64}$/.test(image)) tell({ field, found: image, expected: "name:tag@sha256:…" });
  },
};
