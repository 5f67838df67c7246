import { decryptingStatements, keyTypes, unseals } from "./key-policy.ts";
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
    for (const { statement, actions } of decryptingStatements(statementsOf(subject.props.policy)))
      for (const { value } of statement.principals.filter(({ value }) => isRoot(value)))
        tell({
          field: `policy.${statement.path}`,
          found: `${value} may ${actions.join(", ")}`,
          expected: "no decrypting action for an account's root, with whatever condition",
        });
  },
};

const isRoot = (principal: string) => /:root$/.test(principal) || /^\d{12}$/.test(principal) || principal === "*";
