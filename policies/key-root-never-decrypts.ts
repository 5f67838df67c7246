import {
  decryptingStatements,
  isClusterGrant,
  isForNamedRoles,
  isForService,
  keyTypes,
  sealsForEnclaves,
  unseals,
} from "./key-policy.ts";
import { statementsOf } from "./policy-document.ts";
import type { ResourceRule } from "./rule.ts";

export const keyRootNeverDecrypts: ResourceRule = {
  id: "key-root-never-decrypts",
  severity: "mandatory",
  guarantees: "The account as a whole may not decrypt with a key, nor let anybody do so by a grant.",
  why: "Root in a key's policy means whoever the account's IAM lets: one administrator could give himself the right.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: root administers, without Encrypt and Decrypt",
  fix: "quorate:partyKey.administratorArns in the stack file; components/aws/attested-key.ts: administratorActions",
  types: keyTypes,
  check(subject, tell) {
    if (!unseals(subject)) return;
    const statements = statementsOf(subject.props.policy);
    const seals = sealsForEnclaves(subject, statements);
    for (const { statement, actions } of decryptingStatements(statements)) {
      if (isClusterGrant(subject, statement, actions)) continue;
      if (isForNamedRoles(statement) || (!seals && isForService(statement))) continue;
      for (const { value } of statement.principals.filter(({ value }) => isRoot(value)))
        tell({
          field: `policy.${statement.path}`,
          found: `${value} may ${actions.join(", ")}`,
          expected:
            "no decrypting action for an account's root; for a role that is yet to come, its ARN in aws:PrincipalArn",
        });
    }
  },
};

const isRoot = (principal: string) => /:root$/.test(principal) || /^\d{12}$/.test(principal) || principal === "*";
