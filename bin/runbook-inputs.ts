import { parseArgs } from "node:util";
import { z } from "zod";
import { OperatorError } from "../contract/operator-error.ts";
import type { Runbook } from "../runbooks/runbook.ts";

/** What a runbook declares of one input. */
export interface InputProperty {
  type?: string;
  enum?: unknown[];
  items?: InputProperty;
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
}

/** How the command that was typed spells what belongs to a runbook: `quorate validate --timeout`. */
export interface Spelling {
  command: string;
  /** Options that are called otherwise than their inputs: `{ timeout: "timeout-ms" }`. */
  options?: Readonly<Record<string, string>>;
}

/** What commands call these inputs. Where a runbook is run by its own name it takes them under that name, too. */
const shortNames: Readonly<Record<string, string>> = { party: "parties", timeout: "timeout-ms" };

/** Whose inputs they are: a runbook, or a command that is none. */
type Declared = Pick<Runbook, "name" | "inputs">;

/** Reads a runbook's inputs from the command line: `--timeout-ms 3000` is the input `timeoutMs`, a list is written `--parties 1,3`. */
export function parseInputs(
  runbook: Declared,
  args: readonly string[],
  common: NonNullable<Parameters<typeof parseArgs>[0]>["options"] = {},
  spelled: Spelling = { command: `run ${runbook.name}` },
) {
  const shape = (runbook.inputs as z.ZodObject).shape as Record<string, z.ZodType>;
  const kinds = Object.entries(shape).map(([name, schema]) => ({ name, option: kebab(name), kind: kindOf(schema) }));
  const spelling = withShortNames(
    spelled,
    args,
    kinds.map(({ option }) => option),
  );
  const own = Object.fromEntries(
    kinds.map(({ option, kind }) => [
      option,
      { type: kind === "boolean" ? ("boolean" as const) : ("string" as const), multiple: kind === "array" },
    ]),
  );
  const { values } = parseArgs({ args: args.map((arg) => asDeclared(arg, spelling)), options: { ...common, ...own } });
  const inputs: Record<string, unknown> = {};
  for (const { name, option, kind } of kinds) {
    const value = values[option];
    if (value !== undefined) inputs[name] = readAs(kind, value as string | boolean | string[]);
  }
  refuseWrong(runbook, inputs, (name) => values[kebab(name)] as string | string[] | undefined, spelling);
  return { values: values as Record<string, string | boolean | undefined>, inputs };
}

/** An input that is not what it takes, told as it was typed: what stands on a command line is no secret to who typed it. */
function refuseWrong(
  runbook: Declared,
  inputs: Record<string, unknown>,
  typedAs: (name: string) => string | string[] | undefined,
  spelling: Spelling,
): void {
  const { error } = runbook.inputs.safeParse(inputs);
  const properties = inputProperties(runbook);
  const named = new Map(error?.issues.map((issue) => [String(issue.path[0] ?? ""), issue.message]));
  // What the inputs make only together is for the runbook's own check to tell.
  if (named.size === 0 || [...named.keys()].some((name) => properties[name] === undefined)) return;
  const lines = [...named].map(([name, message]) => {
    const option = `--${asTyped(kebab(name), spelling)}`;
    const typed = typedAs(name);
    const wanted = wantedOf(properties[name] ?? {}) ?? message;
    return {
      found: typed === undefined ? `no ${option}` : `${option} ${shortened([typed].flat().join(",")) || '""'}`,
      expected: named.size === 1 ? wanted : `${option}: ${wanted}`,
    };
  });
  throw new OperatorError({
    code: "INPUTS_INVALID",
    what: `${spelling.command} can not be asked for that`,
    found: lines.map(({ found }) => found).join("\n"),
    expected: lines.map(({ expected }) => expected).join("\n"),
    next: `npx quorate ${spelling.command} --help`,
  });
}

/** A whole log may have been pasted: its beginning says which it was. */
function shortened(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}… (${text.length} characters)`;
}

/** The inputs of a runbook as it declares them. Coercion takes anything in; what comes out of it is what an operator is to type. */
export function inputProperties(runbook: Declared): Record<string, InputProperty> {
  const { properties = {} } = z.toJSONSchema(runbook.inputs, { unrepresentable: "any" });
  return properties as Record<string, InputProperty>;
}

/** The limits of a number that were set on purpose. */
export function limitsOf({ minimum, maximum }: InputProperty): { least?: number; most?: number } {
  return {
    ...(minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? {} : { least: minimum }),
    ...(maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? {} : { most: maximum }),
  };
}

/** What an input takes, in words; undefined where only its own message can say. */
function wantedOf(property: InputProperty): string | undefined {
  if (property.enum) return property.enum.join(" or ");
  if (property.type === "array") return `${wantedOf(property.items ?? {}) ?? "words"}, or several as a,b,…`;
  if (property.type !== "integer" && property.type !== "number") return undefined;
  const { least, most } = limitsOf(property);
  const kind = property.type === "integer" ? "a whole number" : "a number";
  return [kind, least === undefined ? "" : ` from ${least}`, most === undefined ? "" : ` to ${most}`].join("");
}

/** The other name of an option, where it has one that nothing else is called by. */
export function shortNameOf(option: string, declared: readonly string[]): string | undefined {
  return Object.keys(shortNames).find((short) => shortNames[short] === option && !declared.includes(short));
}

/** Short names that were typed: what is wrong with an input is told by the name that was used. */
function withShortNames(spelling: Spelling, args: readonly string[], declared: readonly string[]): Spelling {
  const used = declared.flatMap((option): [string, string][] => {
    const short = shortNameOf(option, declared);
    return short !== undefined && args.some((arg) => arg.split("=")[0] === `--${short}`) ? [[short, option]] : [];
  });
  return { ...spelling, options: { ...Object.fromEntries(used), ...spelling.options } };
}

function asDeclared(arg: string, { options = {} }: Spelling): string {
  const [, typed = "", rest = ""] = /^--([a-z-]+)(=.*)?$/s.exec(arg) ?? [];
  const declared = options[typed];
  return declared === undefined ? arg : `--${declared}${rest}`;
}

function asTyped(option: string, { options = {} }: Spelling): string {
  return Object.entries(options).find(([, declared]) => declared === option)?.[0] ?? option;
}

/** A word that is no number stays a word, so that the schema says what is wrong with it. */
function readAs(kind: string, value: string | boolean | string[]): unknown {
  if (typeof value === "boolean") return value;
  const number = (text: string) => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text);
  if (Array.isArray(value)) return value.flatMap((word) => word.split(",")).map(number);
  return kind === "number" || kind === "int" ? number(value) : value;
}

function kindOf(schema: unknown): string {
  const { def } = schema as { def: { type: string; innerType?: unknown; in?: unknown } };
  const inner = def.innerType ?? def.in;
  return inner === undefined ? def.type : kindOf(inner);
}

/** The option that stands for an input. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
