import { isOff, isOn, type ResourceRule } from "./rule.ts";

const fewestDays = 30;

export const keyNeverLost: ResourceRule = {
  id: "key-never-lost",
  severity: "mandatory",
  guarantees: "A key that is to be deleted stays 30 days, and its policy can not shut out whoever writes it.",
  why: "Without the key everything that it sealed is lost; 30 days are what is left to notice.",
  source: "terraform-mpc-modules modules/mpc-party/variables.tf: kms_deletion_window_in_days = 30; an example has 7",
  fix: "quorate:partyKey.deletionWindowDays in the stack file",
  types: [
    "aws:kms/key:Key",
    "aws:kms/externalKey:ExternalKey",
    "aws:kms/replicaKey:ReplicaKey",
    "aws:kms/replicaExternalKey:ReplicaExternalKey",
  ],
  check({ props }, tell) {
    const days = props.deletionWindowInDays;
    // KMS waits 30 days where nothing is said.
    if (days !== undefined && !(Number(days) >= fewestDays))
      tell({ field: "deletionWindowInDays", found: String(days), expected: `at least ${fewestDays}` });
    if (isOn(props.bypassPolicyLockoutSafetyCheck))
      tell({ field: "bypassPolicyLockoutSafetyCheck", found: "true", expected: "false" });
    for (const field of ["isEnabled", "enabled"])
      if (isOff(props[field])) tell({ field, found: "false", expected: "true" });
    if (props.validTo !== undefined)
      tell({
        field: "validTo",
        found: String(props.validTo),
        expected: "nothing: KMS deletes the material on that day",
      });
  },
};
