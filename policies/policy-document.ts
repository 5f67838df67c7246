/** One statement of an IAM policy, with everything that may be one or many as a list. */
export interface Statement {
  /** Where it stands: `Statement[1]`. */
  path: string;
  effect: string;
  /** `AWS *` for everybody; `AWS arn:…`, `Service s3.amazonaws.com`, `Federated arn:…` otherwise. */
  principals: { kind: string; value: string }[];
  /**
   * Patterns. Where the statement says what it does not mean: `*` if it allows, and nothing if it denies, as nobody
   * knows here what is left.
   */
  actions: string[];
  resources: string[];
  conditions: { operator: string; key: string; values: string[] }[];
}

type Json = Record<string, unknown>;

const many = (value: unknown): string[] => (value === undefined ? [] : [value].flat().map(String));

/** The statements of a policy, given as text or as an object; none where there is no policy. */
export function statementsOf(policy: unknown): Statement[] {
  if (policy === undefined || policy === null || policy === "") return [];
  const document = (typeof policy === "string" ? JSON.parse(policy) : policy) as Json;
  return [document.Statement ?? []].flat().map((statement, index) => parse(statement as Json, `Statement[${index}]`));
}

function parse(statement: Json, path: string): Statement {
  const denies = statement.Effect === "Deny";
  const rest = denies ? [] : ["*"];
  const others = denies ? [] : [everybody];
  return {
    path,
    effect: String(statement.Effect),
    principals: statement.NotPrincipal !== undefined ? others : principalsOf(statement.Principal),
    actions: statement.NotAction !== undefined ? rest : many(statement.Action),
    resources: statement.NotResource !== undefined ? rest : many(statement.Resource),
    conditions: Object.entries((statement.Condition ?? {}) as Record<string, Json>).flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, values]) => ({ operator, key, values: many(values) })),
    ),
  };
}

const everybody = { kind: "AWS", value: "*" };

function principalsOf(principal: unknown): Statement["principals"] {
  if (principal === undefined) return [];
  if (principal === "*") return [everybody];
  return Object.entries(principal as Json).flatMap(([kind, values]) => many(values).map((value) => ({ kind, value })));
}

export const allows = (statement: Statement) => statement.effect === "Allow";

export const isEverybody = ({ value }: { value: string }) => value === "*";

/** Whether AWS would take the pattern for the action: `*` and `?` stand for anything, and case does not count. */
export function matches(pattern: string, action: string): boolean {
  const escaped = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`, "i").test(action);
}

/** Those of the actions that the statement names or covers. */
export function covered(statement: Statement, actions: readonly string[]): string[] {
  return actions.filter((action) => statement.actions.some((pattern) => matches(pattern, action)));
}

export function conditionsOn(statement: Statement, key: RegExp): Statement["conditions"] {
  return statement.conditions.filter((condition) => key.test(condition.key));
}

export const printed = ({ kind, value }: { kind: string; value: string }) =>
  kind === "AWS" ? value : `${kind} ${value}`;
