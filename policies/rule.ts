import {
  type PolicyResource,
  type ReportViolation,
  type ResourceValidationArgs,
  type ResourceValidationPolicy,
  type StackValidationPolicy,
  UnknownValueError,
} from "@pulumi/policy";

/** What every rule says of itself; `docs/policies.md` is printed from it. */
export interface RuleHeader {
  /** Stable, and the name of its file. */
  id: string;
  /** `mandatory` stops a preview; `advisory` is told and stops nothing. */
  severity: "mandatory" | "advisory";
  /** The state that it guarantees, in one sentence. */
  guarantees: string;
  /** What goes wrong without it. */
  why: string;
  /** The upstream fact that it follows: a module's file, a vendor's page. */
  source: string;
  /** Field of the stack file or the manifest, or the component, where a violation is mended. */
  fix: string;
}

export interface Violation {
  /** Path of the property. */
  field: string;
  found: string;
  expected: string;
}

/** A resource as a rule sees it: its inputs before it is made, its outputs in the finished stack. */
export interface Subject {
  type: string;
  name: string;
  urn: string;
  // biome-ignore lint/suspicious/noExplicitAny: the properties of any resource type
  props: Record<string, any>;
  isProtected: boolean;
  /** Inputs of the provider that makes it. */
  provider: Record<string, unknown>;
  /** Resources of the stack that a property was made from; in a preview names are not known, and this is. */
  madeFrom(property: string): string[];
}

export type Tell = (violation: Violation) => void;
export type TellOf = (subject: Subject, violation: Violation) => void;

/** A rule about one resource: it is asked before the resource is made, so an update stops there too. */
export interface ResourceRule extends RuleHeader {
  types: readonly string[];
  check(subject: Subject, tell: Tell): void;
}

/** A rule about what is there as a whole, or absent. */
export interface StackRule extends RuleHeader {
  checkStack(subjects: readonly Subject[], tell: TellOf, each: Each): void;
}

/** Runs a check for each subject; where a value is not known yet, that one subject is left for the update. */
export type Each = (subjects: readonly Subject[], check: (subject: Subject) => void) => void;

export type Rule = ResourceRule | StackRule;

/** The rule as CrossGuard runs it. */
export function toPolicy(rule: Rule): ResourceValidationPolicy | StackValidationPolicy {
  const header = { name: rule.id, description: rule.guarantees, enforcementLevel: rule.severity };
  if ("checkStack" in rule)
    return {
      ...header,
      validateStack: ({ resources }, report) => runStackRule(rule, resources.map(fromStack), report),
    };
  const validate = (args: ResourceValidationArgs, report: ReportViolation) => {
    if (rule.types.includes(args.type)) runResourceRule(rule, fromResource(args), report);
  };
  // With the mark CrossGuard spares itself every other type; it has none for several.
  const mark = rule.types.length === 1 ? { __pulumiType: rule.types[0] } : {};
  return { ...header, validateResource: Object.assign(validate, mark) };
}

/** All rules as two policies, each violation under its own rule's name. */
export function allAtOnce(rules: readonly Rule[]): (ResourceValidationPolicy | StackValidationPolicy)[] {
  const byType = new Map<string, ResourceRule[]>();
  const stackRules: StackRule[] = [];
  for (const rule of rules)
    if ("checkStack" in rule) stackRules.push(rule);
    else for (const type of rule.types) byType.set(type, [...(byType.get(type) ?? []), rule]);
  const header = { description: "All rules of the pack.", enforcementLevel: "advisory" } as const;
  return [
    {
      ...header,
      name: "resource-rules",
      validateResource: (args, report) => {
        const asked = byType.get(args.type) ?? [];
        if (asked.length === 0) return;
        const subject = fromResource(args);
        for (const rule of asked) runResourceRule(rule, subject, report);
      },
    },
    {
      ...header,
      name: "stack-rules",
      validateStack: ({ resources }, report) => {
        const subjects = resources.map(fromStack);
        for (const rule of stackRules) runStackRule(rule, subjects, report);
      },
    },
  ];
}

function runResourceRule(rule: ResourceRule, subject: Subject, report: ReportViolation) {
  attempt(rule, subject, report, () => rule.check(subject, (violation) => tell(rule, subject, violation, report)));
}

function runStackRule(rule: StackRule, subjects: Subject[], report: ReportViolation) {
  const each: Each = (chosen, check) => {
    for (const subject of chosen) attempt(rule, subject, report, () => check(subject));
  };
  rule.checkStack(subjects, (subject, violation) => tell(rule, subject, violation, report), each);
}

/** CrossGuard reads more than the text: of which rule the violation is, whose, and how grave. */
type Report = (violation: {
  name: string;
  description: string;
  message: string;
  urn: string;
  enforcementLevel: RuleHeader["severity"];
}) => void;

function tell(rule: RuleHeader, subject: Subject, violation: Violation, report: ReportViolation) {
  say(rule, subject, violation.field, { ...violation, next: rule.fix }, rule.severity, report);
}

function attempt(rule: RuleHeader, subject: Subject, report: ReportViolation, check: () => void) {
  try {
    check();
  } catch (failure) {
    if (!(failure instanceof UnknownValueError)) throw failure;
    const field = (failure as unknown as { props: PropertyKey[] }).props.map(String).join(".");
    const parts = { found: unknownYet, expected: rule.guarantees, next: "nothing: `up` asks again once it is known" };
    say(rule, subject, field, parts, "advisory", report);
  }
}

/** Begins what is found where a rule could not tell: never the same as clean. */
export const unknownYet = "not known yet: it is made from what AWS has not made";

/** Resource and field, then what was found, what was expected, and what to do: one line each. */
function say(
  { id, guarantees }: RuleHeader,
  { name, urn }: Subject,
  field: string,
  { found, expected, next }: { found: string; expected: string; next: string },
  severity: RuleHeader["severity"],
  report: ReportViolation,
) {
  const lines = Object.entries({ found, expected, next }).map(
    ([part, text]) => `  ${part.padEnd(9)} ${text.replaceAll(/\s*\n\s*/g, " ")}`,
  );
  const message = [`${name}: ${field}`, ...lines].join("\n");
  (report as unknown as Report)({ name: id, description: guarantees, message, urn, enforcementLevel: severity });
}

function fromResource({ type, name, urn, props, opts, provider }: ResourceValidationArgs): Subject {
  return { type, name, urn, props, isProtected: opts.protect, provider: provider?.props ?? {}, madeFrom: () => [] };
}

function fromStack(resource: PolicyResource): Subject {
  const { type, name, urn, props, opts, provider, propertyDependencies } = resource;
  const madeFrom = (property: string) => (propertyDependencies[property] ?? []).map((dependency) => dependency.urn);
  return { type, name, urn, props, isProtected: opts.protect, provider: provider?.props ?? {}, madeFrom };
}

/** Whether `subject` refers to `target` by this property: in a preview by what it is made from, else by its value. */
export function refersTo(subject: Subject, property: string, target: Subject, targetProperty = property): boolean {
  if (subject.madeFrom(property).includes(target.urn)) return true;
  const value = ifKnown(() => subject.props[property]);
  return value !== undefined && value === ifKnown(() => target.props[targetProperty]);
}

/** The value, or undefined while it is not known. */
export function ifKnown<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (failure) {
    if (failure instanceof UnknownValueError) return undefined;
    throw failure;
  }
}

/** A provider takes the word for the value; a rule that asks for the value alone would not see it. */
export const isOn = (value: unknown) => String(value).toLowerCase() === "true";
export const isOff = (value: unknown) => String(value).toLowerCase() === "false";

export function ofType(subjects: readonly Subject[], ...types: string[]): Subject[] {
  return subjects.filter((subject) => types.includes(subject.type));
}

/** Tags that the provider puts on everything. */
export function defaultTags({ provider }: Pick<Subject, "provider">): Record<string, string> {
  const { defaultTags: value } = provider;
  const parsed = typeof value === "string" ? JSON.parse(value) : value;
  return parsed?.tags ?? {};
}

/** What is at stake, by the tag that the stack gives everything; without a tag that is known, the most that there is. */
export function environmentOf(subject: Pick<Subject, "provider">): string {
  const { environment } = defaultTags(subject);
  return environment === "devnet" || environment === "testnet" ? environment : "mainnet";
}

/** Types of the components around a resource and its own, outermost first. */
export function typeChain({ urn }: Subject): string[] {
  return (urn.split("::")[2] ?? "").split("$");
}
