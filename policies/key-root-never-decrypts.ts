import {
  decryptingStatements,
  isClusterGrant,
  isForNamedRoles,
  isForService,
  keyTypes,
  sealsForEnclaves,
  unseals,
  usersOf,
} from "./key-policy.ts";
import { allows, covered, type Statement, statementsOf } from "./policy-document.ts";
import type { ResourceRule, Tell } from "./rule.ts";

/** A copy of a key has a policy of its own. */
const rewriting = ["kms:PutKeyPolicy", "kms:ReplicateKey"];

export const keyRootNeverDecrypts: ResourceRule = {
  id: "key-root-never-decrypts",
  severity: "mandatory",
  guarantees:
    "The account as a whole may not decrypt with a key, nor let anybody do so by a grant; and who may decrypt may not rewrite the key's policy.",
  why: "Root in a key's policy means whoever the account's IAM lets: one administrator could give himself the right. A core that could rewrite the policy could take the enclave out of it.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: root administers, without Encrypt and Decrypt",
  fix: "quorate:partyKey.administratorArns in the stack file; components/aws/attested-key.ts: administratorActions",
  types: keyTypes,
  check(subject, tell) {
    if (!unseals(subject)) return;
    const statements = statementsOf(subject.props.policy);
    const seals = sealsForEnclaves(subject, statements);
    for (const { statement, actions } of decryptingStatements(statements)) {
      if (isClusterGrant(subject, statement, actions)) continue;
      if (!seals && isForService(statement)) continue;
      judgeDuties(statement, statements, tell);
      for (const { value } of statement.principals.filter(({ value }) => isRoot(value) && !isForNamedRoles(statement)))
        tell({
          field: `policy.${statement.path}`,
          found: `${value} may ${actions.join(", ")}`,
          expected:
            "no decrypting action for an account's root; for a role that is yet to come, its ARN in aws:PrincipalArn",
        });
    }
  },
};

function judgeDuties(decrypting: Statement, statements: readonly Statement[], tell: Tell) {
  const users = usersOf(decrypting).filter((user) => !isRoot(user));
  for (const statement of statements.filter(allows)) {
    const actions = covered(statement, rewriting);
    const both = usersOf(statement).filter((user) => users.includes(user));
    if (actions.length > 0 && both.length > 0)
      tell({
        field: `policy.${statement.path}`,
        found: `${both.join(", ")} may decrypt, and ${actions.join(", ")}`,
        expected: "another role than the one that decrypts",
      });
  }
}

const isRoot = (principal: string) => /:root$/.test(principal) || /^\d{12}$/.test(principal) || principal === "*";
