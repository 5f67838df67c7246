import { z } from "zod";

/** Who makes a call, as policies see them. */
export type Principal =
  | { kind: "anonymous" }
  | {
      kind: "user" | "assumed-role";
      accountId: string;
      /** What AWS prints: `arn:aws:sts::…:assumed-role/…` for a session. */
      arn: string;
      /** Role behind a session; policies may name either. */
      roleArn?: string;
    }
  /** A web identity before it has a role: `provider` is the ARN of the OIDC provider. */
  | { kind: "federated"; accountId: string; arn: string; provider: string };

/** One call to be judged. Context keys are lower case. */
export interface AccessRequest {
  principal: Principal;
  action: string;
  resource: string;
  /** Account that owns the resource. */
  resourceAccountId: string;
  context?: Record<string, string | string[]>;
}

export type Decision = { allowed: true } | { allowed: false; explicit: boolean; reason: string };

const OneOrMany = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat());
const PrincipalElement = z.preprocess(
  (value) => (value === "*" ? { AWS: "*" } : value),
  z.strictObject({
    AWS: OneOrMany.default([]),
    Federated: OneOrMany.default([]),
    Service: OneOrMany.default([]),
    CanonicalUser: OneOrMany.default([]),
  }),
);
type PrincipalElement = z.infer<typeof PrincipalElement>;

const ConditionValue = z.union([z.string(), z.boolean(), z.number()]).transform(String);
const Statement = z
  .strictObject({
    Sid: z.string().optional(),
    Effect: z.enum(["Allow", "Deny"]),
    Principal: PrincipalElement.optional(),
    NotPrincipal: PrincipalElement.optional(),
    Action: OneOrMany.optional(),
    NotAction: OneOrMany.optional(),
    Resource: OneOrMany.optional(),
    NotResource: OneOrMany.optional(),
    Condition: z
      .record(
        z.string(),
        z.record(
          z.string(),
          z.union([ConditionValue, z.array(ConditionValue)]).transform((value) => [value].flat()),
        ),
      )
      .default({}),
  })
  .superRefine((statement, context) => {
    if ((statement.Action === undefined) === (statement.NotAction === undefined))
      context.addIssue("a statement has Action or NotAction, and not both");
    if (statement.Resource && statement.NotResource)
      context.addIssue("a statement can't have Resource and NotResource");
    if (statement.Principal && statement.NotPrincipal)
      context.addIssue("a statement can't have Principal and NotPrincipal");
    for (const operator of Object.keys(statement.Condition))
      if (!parseOperator(operator))
        context.addIssue(`condition operator ${operator} is not one that this cloud evaluates`);
  });

const PolicyDocument = z.strictObject({
  Version: z.enum(["2012-10-17", "2008-10-17"]).default("2008-10-17"),
  Id: z.string().optional(),
  Statement: z.union([Statement, z.array(Statement)]).transform((value) => [value].flat()),
});
type Statement = z.infer<typeof Statement>;
export type PolicyDocument = z.infer<typeof PolicyDocument>;

/** A policy that AWS would refuse to store, or one with a condition that this cloud can't evaluate. */
export class MalformedPolicy extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MalformedPolicy";
  }
}

/**
 * JSON text → policy. `identity` policies name resources and no principal, `resource` policies (of buckets and keys) both, `trust`
 * policies a principal and no resource.
 */
export function parsePolicy(text: string, kind: "identity" | "resource" | "trust"): PolicyDocument {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new MalformedPolicy(`This policy contains invalid Json: ${(cause as Error).message}`);
  }
  const parsed = PolicyDocument.safeParse(json);
  if (!parsed.success) throw new MalformedPolicy(z.prettifyError(parsed.error));
  for (const statement of parsed.data.Statement) {
    const principal = statement.Principal ?? statement.NotPrincipal;
    const resource = statement.Resource ?? statement.NotResource;
    if (kind === "identity" && principal) throw new MalformedPolicy("Policy document should not specify a principal.");
    if (kind !== "identity" && !principal) throw new MalformedPolicy("Missing required field Principal");
    if (kind === "trust" && resource) throw new MalformedPolicy("Has prohibited field Resource");
    if (kind !== "trust" && !resource) throw new MalformedPolicy("Missing required field Resource");
  }
  return parsed.data;
}

/**
 * AWS's evaluation: an explicit deny wins; a resource policy that names the caller is enough within one account; one that names only the
 * account leaves it to the caller's identity policies; across accounts both sides have to allow.
 *
 * `delegation: "resource-only"` is for KMS keys and role trust: there identity policies count only if the resource policy hands the
 * decision to the account.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function authorize(
  request: AccessRequest,
  policies: { identity: readonly PolicyDocument[]; resource?: PolicyDocument | undefined },
  delegation: "identity-or-resource" | "resource-only" = "identity-or-resource",
): Decision {
  const { principal } = request;
  const identity = policies.identity.flatMap((policy) => policy.Statement.filter((each) => applies(each, request)));
  const resource = (policies.resource?.Statement ?? [])
    .filter((each) => applies(each, request))
    .map((statement) => ({ statement, match: matchPrincipal(statement, principal) }))
    .filter(({ match }) => match !== "none");

  if (identity.some((each) => each.Effect === "Deny"))
    return denied(request, "with an explicit deny in an identity-based policy", true);
  if (resource.some(({ statement }) => statement.Effect === "Deny"))
    return denied(request, "with an explicit deny in a resource-based policy", true);

  const named = resource.some(({ statement, match }) => statement.Effect === "Allow" && match === "named");
  const delegated = resource.some(({ statement, match }) => statement.Effect === "Allow" && match === "account");
  const own = identity.some((each) => each.Effect === "Allow");
  const byResource = denied(request, `because no resource-based policy allows the ${request.action} action`);
  const byIdentity = denied(request, `because no identity-based policy allows the ${request.action} action`);

  if (principal.kind === "anonymous" || principal.kind === "federated") return named ? { allowed: true } : byResource;
  if (principal.accountId !== request.resourceAccountId) {
    if (!named && !delegated) return byResource;
    return own ? { allowed: true } : byIdentity;
  }
  if (named) return { allowed: true };
  if (delegation === "resource-only" && !delegated) return byResource;
  return own ? { allowed: true } : byIdentity;
}

/** Whether a bucket policy opens the bucket to everybody, as S3 Block Public Access judges it. */
export function isPublic(policy: PolicyDocument): boolean {
  return policy.Statement.some(
    (statement) =>
      statement.Effect === "Allow" &&
      (statement.NotPrincipal !== undefined || statement.Principal?.AWS.includes("*")) &&
      !Object.entries(statement.Condition).some(
        ([operator, keys]) =>
          narrowing.test(operator) &&
          Object.entries(keys).some(
            ([key, values]) => narrowingKeys.has(key.toLowerCase()) && values.every((value) => value !== "*"),
          ),
      ),
  );
}

// @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
const narrowing = /^(StringEquals|StringEqualsIgnoreCase|StringLike|ArnEquals|ArnLike)$/;
const narrowingKeys = new Set([
  "aws:principalarn",
  "aws:principalaccount",
  "aws:principalorgid",
  "aws:sourcearn",
  "aws:sourceaccount",
  "aws:sourcevpc",
  "aws:sourcevpce",
  "aws:userid",
]);

/** Whether a key policy lets whoever sets it change it again: KMS refuses one that does not. */
export function keepsControl(
  policy: PolicyDocument,
  key: { arn: string; accountId: string },
  principal: Principal,
): boolean {
  const request = { principal, action: "kms:PutKeyPolicy", resource: key.arn, resourceAccountId: key.accountId };
  return authorize(request, { identity: [administratorAccess], resource: policy }, "resource-only").allowed;
}

/** The policy that KMS gives a key that was made without one: what IAM allows in its account. */
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

/** `Allow: *` on everything: what the operator of an account has. */
export const administratorAccess: PolicyDocument = PolicyDocument.parse({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
});

function denied(request: AccessRequest, why: string, explicit = false): Decision {
  const who = request.principal.kind === "anonymous" ? "anonymous" : request.principal.arn;
  const reason = `User: ${who} is not authorized to perform: ${request.action} on resource: ${request.resource} ${why}`;
  return { allowed: false, explicit, reason };
}

/** Action, resource and conditions; the principal is judged apart. */
function applies(statement: Statement, request: AccessRequest): boolean {
  const matchesAction = (pattern: string) => like(pattern.toLowerCase(), request.action.toLowerCase());
  if (statement.Action && !statement.Action.some(matchesAction)) return false;
  if (statement.NotAction?.some(matchesAction)) return false;
  const matchesResource = (pattern: string) => like(pattern, request.resource);
  if (statement.Resource && !statement.Resource.some(matchesResource)) return false;
  if (statement.NotResource?.some(matchesResource)) return false;
  return Object.entries(statement.Condition).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) => holds(operator, values, request.context?.[key.toLowerCase()])),
  );
}

type Match = "none" | "account" | "named";

function matchPrincipal(statement: Statement, principal: Principal): Match {
  if (statement.Principal) return matchElement(statement.Principal, principal);
  if (!statement.NotPrincipal) return "named";
  return matchElement(statement.NotPrincipal, principal) === "none" ? "named" : "none";
}

function matchElement(element: PrincipalElement, principal: Principal): Match {
  if (principal.kind === "federated") return element.Federated.includes(principal.provider) ? "named" : "none";
  if (element.AWS.includes("*")) return "named";
  if (principal.kind === "anonymous") return "none";
  if (element.AWS.includes(principal.arn)) return "named";
  if (principal.roleArn && element.AWS.includes(principal.roleArn)) return "named";
  const account = [principal.accountId, `arn:aws:iam::${principal.accountId}:root`];
  return element.AWS.some((value) => account.includes(value)) ? "account" : "none";
}

type Comparison = (expected: string, actual: string) => boolean;

const comparisons: Record<string, Comparison> = {
  StringEquals: (expected, actual) => expected === actual,
  StringEqualsIgnoreCase: (expected, actual) => expected.toLowerCase() === actual.toLowerCase(),
  StringLike: like,
  Bool: (expected, actual) => expected.toLowerCase() === actual.toLowerCase(),
  ArnEquals: arnLike,
  ArnLike: arnLike,
  NumericEquals: (expected, actual) => Number(expected) === Number(actual),
  NumericLessThan: (expected, actual) => Number(actual) < Number(expected),
  NumericLessThanEquals: (expected, actual) => Number(actual) <= Number(expected),
  NumericGreaterThan: (expected, actual) => Number(actual) > Number(expected),
  NumericGreaterThanEquals: (expected, actual) => Number(actual) >= Number(expected),
};
const negations: Record<string, string> = {
  StringNotEquals: "StringEquals",
  StringNotEqualsIgnoreCase: "StringEqualsIgnoreCase",
  StringNotLike: "StringLike",
  ArnNotEquals: "ArnEquals",
  ArnNotLike: "ArnLike",
  NumericNotEquals: "NumericEquals",
};

interface Operator {
  base: Comparison | "null";
  negated: boolean;
  ifExists: boolean;
  set: "ForAnyValue" | "ForAllValues" | undefined;
}

function parseOperator(text: string): Operator | undefined {
  const [, set, name, ifExists] = /^(?:(ForAnyValue|ForAllValues):)?(\w+?)(IfExists)?$/.exec(text) ?? [];
  if (name === undefined) return undefined;
  const flags = { set: set as Operator["set"], ifExists: ifExists !== undefined };
  if (name === "Null") return { base: "null", negated: false, ...flags };
  const negated = Object.hasOwn(negations, name);
  const base = negated ? comparisons[negations[name] ?? ""] : Object.hasOwn(comparisons, name) && comparisons[name];
  return base ? { base, negated, ...flags } : undefined;
}

function holds(name: string, expected: string[], found: string | string[] | undefined): boolean {
  const operator = parseOperator(name);
  if (!operator) return false;
  const { base, negated, ifExists, set } = operator;
  if (base === "null") return expected.some((value) => (value.toLowerCase() === "true") === (found === undefined));
  if (found === undefined) return ifExists || set === "ForAllValues" || (negated && set !== "ForAnyValue");
  const meets = (actual: string) => expected.some((value) => base(value, actual)) !== negated;
  const values = [found].flat();
  // A negated operator has to hold for every value of the key, a plain one for some value.
  return set === "ForAllValues" || (negated && set === undefined) ? values.every(meets) : values.some(meets);
}

/** `*` and `?` as in policies. Backtracks to the last star only, so no pattern makes it explode. */
function like(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === "*") {
      star = p;
      mark = t;
      p += 1;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p += 1;
      t += 1;
    } else if (star >= 0) {
      p = star + 1;
      mark += 1;
      t = mark;
    } else return false;
  }
  while (pattern[p] === "*") p += 1;
  return p === pattern.length;
}

/** Each of the six parts of an ARN for itself: a wildcard doesn't reach across a colon, except in the last. */
function arnLike(pattern: string, text: string): boolean {
  const split = (arn: string) => {
    const parts = arn.split(":");
    return [...parts.slice(0, 5), parts.slice(5).join(":")];
  };
  const expected = split(pattern);
  const actual = split(text);
  return expected.every((part, index) => like(part, actual[index] ?? ""));
}
