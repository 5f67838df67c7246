import { isForCluster, keyTypes, unseals } from "./key-policy.ts";
import { allows, covered, printed, statementsOf } from "./policy-document.ts";
import type { ResourceRule } from "./rule.ts";

export const keyAdministratorsSaid: ResourceRule = {
  id: "key-administrators-said",
  severity: "advisory",
  guarantees: "Each preview says aloud who could rewrite the condition that binds a key to its enclaves.",
  why: "Upstream gives root kms:Put*: the attestation condition is only as strong as whoever may change it. It can not be refused, as somebody has to add the next release's PCR0.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: kms:Put* for root",
  fix: "quorate:partyKey.administratorArns in the stack file: name one role that takes two people to assume",
  types: keyTypes,
  check(subject, tell) {
    if (!unseals(subject)) return;
    const statements = statementsOf(subject.props.policy);
    if (isForCluster(subject, statements)) return;
    for (const statement of statements) {
      if (!allows(statement) || covered(statement, ["kms:PutKeyPolicy"]).length === 0) continue;
      for (const principal of statement.principals)
        tell({
          field: `policy.${statement.path}`,
          found: `${printed(principal)} may kms:PutKeyPolicy${/:root$/.test(principal.value) ? ": whoever the account's IAM policies let" : ""}`,
          expected: "as few as possible, each of them known to the network's other parties",
        });
    }
  },
};
