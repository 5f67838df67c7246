import { isForCluster, keyTypes, unseals } from "./key-policy.ts";
import { allows, covered, printed, type Statement, statementsOf } from "./policy-document.ts";
import type { ResourceRule } from "./rule.ts";

/**
 * Of all that KMS lets a principal do with a key: what rewrites the condition, or gets round it by a grant, by a copy
 * with a policy of its own, or by material that somebody knows; and what ends the key, or stops it.
 *
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html
 */
const administering = [
  ...["kms:PutKeyPolicy", "kms:CreateGrant", "kms:ReplicateKey", "kms:ImportKeyMaterial"],
  ...["kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:DeleteImportedKeyMaterial", "kms:UpdatePrimaryRegion"],
];

/** What besides rewrites a condition: where it goes by the key's tags, or by its aliases. */
const byCondition: readonly [key: RegExp, actions: readonly string[]][] = [
  [/^aws:ResourceTag\//i, ["kms:TagResource", "kms:UntagResource"]],
  [/^kms:(ResourceAliases|RequestAlias)$/i, ["kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"]],
];

export const keyAdministratorsSaid: ResourceRule = {
  id: "key-administrators-said",
  severity: "advisory",
  guarantees:
    "Each preview says aloud who could rewrite the condition that binds a key to its enclaves, get round it, or end the key.",
  why: "Upstream gives root kms:Put*: the attestation condition is only as strong as whoever may change it. It can not be refused, as somebody has to add the next release's PCR0.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: kms:Put* for root",
  fix: "quorate:partyKey.administratorArns in the stack file: name one role that takes two people to assume",
  types: keyTypes,
  check(subject, tell) {
    if (!unseals(subject)) return;
    const statements = statementsOf(subject.props.policy);
    if (isForCluster(subject, statements)) return;
    const asked = [...administering, ...besides(statements)];
    for (const statement of statements.filter(allows)) {
      const actions = covered(statement, asked);
      if (actions.length === 0) continue;
      for (const principal of statement.principals)
        tell({
          field: `policy.${statement.path}`,
          found: `${printed(principal)} may ${actions.join(", ")}${/:root$/.test(principal.value) ? ": whoever the account's IAM policies let" : ""}`,
          expected: "as few as possible, each of them known to the network's other parties",
        });
    }
  },
};

function besides(statements: readonly Statement[]): string[] {
  const keys = statements.flatMap(({ conditions }) => conditions.map(({ key }) => key));
  return byCondition.flatMap(([pattern, actions]) => (keys.some((key) => pattern.test(key)) ? actions : []));
}
