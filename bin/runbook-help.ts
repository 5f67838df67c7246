import { z } from "zod";
import type { Runbook } from "../runbooks/runbook.ts";
import { commands, commonOptions } from "./command-table.mjs";
import { hang, renderOptions } from "./help.mjs";
import { kebab } from "./runbook-inputs.ts";

interface Property {
  type?: string;
  enum?: unknown[];
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
}

/** Help of one runbook: its inputs as it declares them, then what every runbook takes. */
export function renderRunbookHelp(runbook: Runbook): string {
  // Coercion takes anything in; what comes out of it is what an operator is to type.
  const { properties = {} } = z.toJSONSchema(runbook.inputs, { unrepresentable: "any" });
  const inputs = Object.entries(properties as Record<string, Property>).map(([name, property]): [string, string] => [
    `--${kebab(name)}${typed(property)}`,
    meaningOf(property, (runbook.inputs as z.ZodObject).shape[name]?.safeParse(undefined).success === false),
  ]);
  const options = { ...Object.fromEntries(inputs), ...commands.run?.options, ...commonOptions };
  return [
    hang("", runbook.summary),
    "",
    hang(
      "usage: ",
      `npx quorate run ${runbook.name} [--plan] [--confirm <digest>]${inputs.length > 0 ? " [inputs]" : ""}`,
    ),
    `risk ${runbook.risk}, for networks of ${runbook.systems.join(", ")}`,
    "",
    ...renderOptions(options),
  ].join("\n");
}

function typed(property: Property): string {
  if (property.type === "boolean") return "";
  if (property.enum) return ` <${property.enum.join("|")}>`;
  if (property.type === "array") return " <a,b,…>";
  return property.type === "integer" || property.type === "number" ? " <n>" : " <text>";
}

function meaningOf(property: Property, required: boolean): string {
  const { minimum, maximum } = property;
  const least = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : `at least ${minimum}`;
  const most = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : `at most ${maximum}`;
  const notes = [
    least,
    most,
    required ? "required" : undefined,
    property.default === undefined ? undefined : `default ${JSON.stringify(property.default).replaceAll('"', "")}`,
  ].filter((note) => note !== undefined);
  return [property.description, notes.length > 0 ? `(${notes.join(", ")})` : undefined].filter(Boolean).join(" ");
}
