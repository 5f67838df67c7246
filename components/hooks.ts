import type * as pulumi from "@pulumi/pulumi";

/** The same before the first time and before every change of a resource. */
export function hooksOf(before: pulumi.ResourceHookFunction | undefined): pulumi.ResourceHookBinding {
  return before ? { beforeCreate: [before], beforeUpdate: [before] } : {};
}
