import {
  acceptedPcr0,
  decryptingStatements,
  isClusterGrant,
  isForService,
  keyTypes,
  sealsForEnclaves,
  unseals,
} from "./key-policy.ts";
import { printed, statementsOf } from "./policy-document.ts";
import type { ResourceRule } from "./rule.ts";

const grantType = "aws:kms/grant:Grant";

export const keyNeedsAttestation: ResourceRule = {
  id: "key-needs-attestation",
  severity: "mandatory",
  guarantees:
    "Whoever may decrypt with a key may do so from inside an enclave whose PCR0 is named, and is not all zeros.",
  why: "One statement without the condition, and whoever holds the role reads the key shares without any enclave.",
  source:
    "terraform-mpc-modules modules/mpc-party/main.tf: kms:RecipientAttestation:ImageSha384; https://docs.aws.amazon.com/kms/latest/developerguide/conditions-nitro-enclaves.html",
  fix: "quorate:allowedPcr0 in the stack file, trustedReleases in the manifest",
  types: [...keyTypes, grantType],
  check(subject, tell) {
    if (subject.type === grantType) {
      const operations = ((subject.props.operations ?? []) as string[]).filter((name) =>
        /^(Decrypt|GenerateDataKey|ReEncryptFrom|DeriveSharedSecret|CreateGrant)/.test(name),
      );
      if (operations.length > 0)
        tell({ field: "operations", found: operations.join(", "), expected: "none: a grant knows no attestation" });
      return;
    }
    if (!unseals(subject)) return;
    if (subject.props.policy === undefined)
      return tell({
        field: "policy",
        found: "none: KMS then lets the account's IAM policies decide, decrypting included",
        expected: "a policy with a condition on kms:RecipientAttestation:ImageSha384",
      });
    const statements = decryptingStatements(statementsOf(subject.props.policy));
    const seals = sealsForEnclaves(
      subject,
      statements.map(({ statement }) => statement),
    );
    for (const { statement, actions } of statements)
      if (
        !acceptedPcr0(statement) &&
        !isClusterGrant(subject, statement, actions) &&
        (seals || !isForService(statement))
      )
        tell({
          field: `policy.${statement.path}.Condition`,
          found: `${statement.principals.map(printed).join(", ")} may ${actions.join(", ")} ${conditionWords(statement.conditions)}`,
          expected:
            "StringEqualsIgnoreCase on kms:RecipientAttestation:ImageSha384, each value a PCR0 that is not all zeros",
        });
  },
};

function conditionWords(conditions: { operator: string; key: string; values: string[] }[]): string {
  if (conditions.length === 0) return "without a condition";
  return `with ${conditions.map(({ operator, key, values }) => `${operator} ${key} ${values.join(", ")}`).join("; ")}`;
}
