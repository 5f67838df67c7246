import { parseArgs } from "node:util";
import type { z } from "zod";
import type { Runbook } from "../runbooks/runbook.ts";

/** Reads a runbook's inputs from the command line: `--timeout-ms 3000` is the input `timeoutMs`, a list is written `--parties 1,3`. */
export function parseInputs(
  runbook: Runbook,
  args: string[],
  common: NonNullable<Parameters<typeof parseArgs>[0]>["options"] = {},
) {
  const shape = (runbook.inputs as z.ZodObject).shape as Record<string, z.ZodType>;
  const kinds = Object.entries(shape).map(([name, schema]) => ({ name, option: kebab(name), kind: kindOf(schema) }));
  const own = Object.fromEntries(
    kinds.map(({ option, kind }) => [
      option,
      { type: kind === "boolean" ? ("boolean" as const) : ("string" as const) },
    ]),
  );
  const { values } = parseArgs({ args, options: { ...common, ...own } });
  const inputs: Record<string, unknown> = {};
  for (const { name, option, kind } of kinds) {
    const value = values[option];
    if (value !== undefined) inputs[name] = readAs(kind, value as string | boolean);
  }
  return { values: values as Record<string, string | boolean | undefined>, inputs };
}

/** A word that is no number stays a word, so that the schema says what is wrong with it. */
function readAs(kind: string, value: string | boolean): unknown {
  if (typeof value === "boolean") return value;
  const number = (text: string) => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text);
  if (kind === "number" || kind === "int") return number(value);
  if (kind === "array") return value.split(",").map(number);
  return value;
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
