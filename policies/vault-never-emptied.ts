import { isOn, type ResourceRule } from "./rule.ts";

export const vaultNeverEmptied: ResourceRule = {
  id: "vault-never-emptied",
  severity: "mandatory",
  guarantees: "No bucket is emptied so that it can be destroyed.",
  why: "Key shares that are gone are gone for the whole network: a resharing needs them.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: force_destroy = true on both vaults",
  fix: "components/aws/bucket.ts: forceDestroy",
  types: ["aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2"],
  check({ props }, tell) {
    if (isOn(props.forceDestroy))
      tell({ field: "forceDestroy", found: "true", expected: "false: a bucket with objects can not be destroyed" });
  },
};
