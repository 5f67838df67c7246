import { MalformedPolicy, type PolicyDocument, parsePolicy } from "../../policy.ts";
import type { Properties } from "../property-values.ts";
import { type AwsCaller, list } from "./aws-resource.ts";

/** A bucket's or key's policy; `refuse` words what AWS would not store. */
export function resourcePolicy(text: unknown, refuse: (message: string) => Error): PolicyDocument {
  try {
    return parsePolicy(String(text), "resource");
  } catch (error) {
    throw error instanceof MalformedPolicy ? refuse(error.message) : error;
  }
}

/** A role of our own account that a resource policy names and that doesn't exist; AWS refuses such a policy. */
export function missingRole(caller: AwsCaller, policy: PolicyDocument): string | undefined {
  return policy.Statement.flatMap(({ Principal, NotPrincipal }) => (Principal ?? NotPrincipal)?.AWS ?? []).find(
    (principal) => {
      const role = /^arn:aws:iam::(\d{12}):role\/(?:.*\/)?([^/]+)$/.exec(principal);
      return role?.[1] === caller.account.accountId && !caller.store.get("aws:iam/role:Role", role[2] ?? "");
    },
  );
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
    list<string>(documents).flatMap(
      (source) => [(JSON.parse(source) as Properties).Statement ?? []].flat() as Properties[],
    );
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
