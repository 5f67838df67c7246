import { operatorArn } from "../../credentials.ts";
import type { Properties } from "../property-values.ts";
import { type AwsCaller, list } from "./aws-resource.ts";

interface Statement {
  Effect?: string;
  Principal?: unknown;
  Action?: string | string[];
  Condition?: unknown;
}

const statements = (policy: unknown): Statement[] => {
  const document = JSON.parse(String(policy)) as { Statement?: Statement | Statement[] };
  return document.Statement === undefined ? [] : [document.Statement].flat();
};

/** Principals named in a policy, as text: `*`, account ids and ARNs. */
function awsPrincipals(statement: Statement): string[] {
  if (statement.Principal === "*") return ["*"];
  const aws = (statement.Principal as { AWS?: string | string[] } | undefined)?.AWS;
  return aws === undefined ? [] : [aws].flat();
}

/** Whether anybody at all gets something without a condition: what S3 calls a public policy. */
export function isPublic(policy: unknown): boolean {
  return statements(policy).some(
    (statement) =>
      statement.Effect === "Allow" && awsPrincipals(statement).includes("*") && statement.Condition === undefined,
  );
}

/** A role of our own account that a resource policy names and that doesn't exist; AWS refuses such a policy. */
export function missingRole(caller: AwsCaller, policy: unknown): string | undefined {
  return statements(policy)
    .flatMap(awsPrincipals)
    .find((principal) => {
      const role = /^arn:aws:iam::(\d{12}):role\/(?:.*\/)?([^/]+)$/.exec(principal);
      return role?.[1] === caller.account.accountId && !caller.store.get("aws:iam/role:Role", role[2] ?? "");
    });
}

/** Whether whoever sets the policy could still change it afterwards: the account's root lets in what IAM allows, which the operator's rights are. */
export function keepsControl(caller: AwsCaller, policy: unknown): boolean {
  const { accountId } = caller.account;
  const own = ["*", accountId, `arn:aws:iam::${accountId}:root`, operatorArn(accountId)];
  return statements(policy).some(
    (statement) =>
      statement.Effect === "Allow" &&
      statement.Condition === undefined &&
      awsPrincipals(statement).some((principal) => own.includes(principal)) &&
      list<string>([statement.Action ?? []].flat()).some((action) =>
        /^(\*|kms:(\*|P\*|Pu\*|Put\*|Put.*\*|PutKeyPolicy))$/i.test(action),
      ),
  );
}

/** The policy that KMS gives a key that was made without one. */
export function defaultKeyPolicy(accountId: string): string {
  return JSON.stringify({
    Version: "2012-10-17",
    Id: "key-default-1",
    Statement: [
      {
        Sid: "Enable IAM User Permissions",
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${accountId}:root` },
        Action: "kms:*",
        Resource: "*",
      },
    ],
  });
}

/** `aws.iam.getPolicyDocument`: statements in the SDK's spelling to an IAM document. */
export function renderPolicyDocument(args: Properties): string {
  const oneOrMany = (values: string[]) => (values.length === 1 ? values[0] : values);
  const principals = (entries: { type: string; identifiers: string[] }[]) => {
    if (entries.length === 1 && entries[0]?.type === "*" && entries[0].identifiers[0] === "*") return "*";
    return Object.fromEntries(entries.map(({ type, identifiers }) => [type, oneOrMany(identifiers)]));
  };
  const render = (statement: Properties) => {
    const result: Properties = {};
    if (statement.sid) result.Sid = statement.sid;
    result.Effect = statement.effect ?? "Allow";
    const lists = { actions: "Action", notActions: "NotAction", resources: "Resource", notResources: "NotResource" };
    for (const [from, to] of Object.entries(lists))
      if (list(statement[from]).length > 0) result[to] = oneOrMany(list<string>(statement[from]));
    for (const [from, to] of Object.entries({ principals: "Principal", notPrincipals: "NotPrincipal" }))
      if (list(statement[from]).length > 0) result[to] = principals(list(statement[from]));
    const conditions = list<{ test: string; variable: string; values: string[] }>(statement.conditions);
    if (conditions.length > 0) {
      const byTest: { [test: string]: { [variable: string]: string | string[] | undefined } } = {};
      for (const { test, variable, values } of conditions) {
        byTest[test] ??= {};
        byTest[test][variable] = oneOrMany(values);
      }
      result.Condition = byTest;
    }
    return result;
  };
  const document: Properties = { Version: args.version ?? "2012-10-17" };
  if (args.policyId) document.Id = args.policyId;
  const from = (documents: unknown) =>
    list<string>(documents).flatMap((source) => statements(source) as unknown as Properties[]);
  const own = list<Properties>(args.statements).map(render);
  const merged = [...from(args.sourcePolicyDocuments), ...own];
  for (const override of from(args.overridePolicyDocuments)) {
    const at = merged.findIndex((statement) => statement.Sid && statement.Sid === override.Sid);
    if (at >= 0) merged[at] = override;
    else merged.push(override);
  }
  document.Statement = merged;
  return JSON.stringify(document, null, 2);
}
