import type { z } from "zod";
import { OperatorError } from "../contract/operator-error.ts";
import { parse, type Source } from "../contract/parse.ts";
import { StackConfig } from "../contract/stack-config.ts";
import { requireFilledIn } from "./open-places.ts";
import { projectName } from "./project.ts";
import { readYamlFile } from "./yaml-file.ts";

/**
 * Reads and checks one `Pulumi.<stack>.yaml` without the engine; the program itself reads the same keys through
 * `pulumi.Config`.
 */
export async function readStackConfig(path: string): Promise<StackConfig> {
  const { values, lineOf } = await readStackValues(path);
  return parseStackConfig(values, path, lineOf);
}

/** Keys of our namespace, without it, and the line that each stands in. */
export interface StackValues {
  values: Record<string, unknown>;
  lineOf: NonNullable<Source["lineOf"]>;
}

/** Our keys of one `Pulumi.<stack>.yaml`, without the namespace, unchecked. */
export async function readStackValues(path: string): Promise<StackValues> {
  const { value: file, lineOf } = await readYamlFile({
    path,
    code: "STACK",
    what: "stack file",
    whenMissing: `name a stack that has a file, or add ${path}`,
  });
  const config = (file as { config?: unknown } | null)?.config;
  if (config === null || typeof config !== "object")
    throw new OperatorError({
      code: "STACK_INVALID",
      what: `the stack file ${path} holds no configuration`,
      found: "no mapping under config:",
      expected: `keys of the namespace ${projectName}: under config:`,
      next: `write the party's configuration into ${path}`,
    });
  const own = Object.entries(config)
    .filter(([key]) => key.startsWith(`${projectName}:`))
    .map(([key, value]) => [key.slice(projectName.length + 1), value]);
  return {
    values: Object.fromEntries(own),
    lineOf: ([key, ...rest]) => lineOf(["config", `${projectName}:${String(key)}`, ...rest]),
  };
}

/** Checks the values of one stack, by whichever way they came. */
export function parseStackConfig(
  values: Record<string, unknown>,
  source: string,
  lineOf?: Source["lineOf"],
): StackConfig {
  return parseConfig(StackConfig, values, source, lineOf);
}

/** Checks the values of one stack against the contract of its kind. */
export function parseConfig<T extends z.ZodType>(
  schema: T,
  values: Record<string, unknown>,
  source: string,
  lineOf?: Source["lineOf"],
): z.infer<T> {
  requireFilledIn(values, {
    code: "STACK_UNFINISHED",
    what: `the stack configuration in ${source}`,
    next: `fill them in, in ${source}`,
    lineOf,
  });
  // `pulumi config set` writes every scalar as text.
  const party = typeof values.party === "string" && /^\d+$/.test(values.party) ? Number(values.party) : values.party;
  return parse(schema, party === undefined ? values : { ...values, party }, {
    code: "STACK_INVALID",
    what: `the stack configuration in ${source} breaks its contract`,
    next: `correct the fields named above in ${source}`,
    ...(lineOf && { lineOf }),
  });
}
