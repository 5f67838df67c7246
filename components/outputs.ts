import type { Output } from "@pulumi/pulumi";

/** A contract's fields before they are known: what a component must produce for the readers of `T`. */
export type Outputs<T> = { [K in keyof T]: Output<T[K]> };
