import { allows, conditionsOn, covered, statementsOf } from "./policy-document.ts";
import type { ResourceRule } from "./rule.ts";

export const irsaSubjectExact: ResourceRule = {
  id: "irsa-subject-exact",
  severity: "mandatory",
  guarantees: "A role that is taken with a token says exactly whose token, and for which audience.",
  why: "A pattern in the subject lets any pod of a namespace become the core; without the audience a token made for another purpose will do.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: iam-assumable-role-with-oidc, subject only, no audience",
  fix: "components/aws/party-role.ts: serviceAccount",
  types: ["aws:iam/role:Role"],
  check({ props }, tell) {
    for (const statement of statementsOf(props.assumeRolePolicy)) {
      if (!allows(statement) || covered(statement, ["sts:AssumeRoleWithWebIdentity"]).length === 0) continue;
      // Of another key the caller says what it is: its tags, for one.
      const issuers = statement.principals.map(({ value }) => value.split(":oidc-provider/").at(-1));
      for (const claim of ["sub", "aud"]) {
        const conditions = conditionsOn(statement, /:/).filter(({ key }) => key.endsWith(`:${claim}`));
        const exact = conditions.some(
          ({ operator, key, values }) =>
            operator === "StringEquals" &&
            issuers.some((issuer) => key === `${issuer}:${claim}`) &&
            values.length > 0 &&
            values.every((value) => !/[*?$]/.test(value)),
        );
        if (!exact)
          tell({
            field: `assumeRolePolicy.${statement.path}.Condition`,
            found:
              conditions.map(({ operator, key, values }) => `${operator} ${key} ${values.join(", ")}`).join("; ") ||
              `nothing about the token's ${claim}`,
            expected: `StringEquals on <issuer>:${claim}, without a wildcard`,
          });
      }
    }
  },
};
