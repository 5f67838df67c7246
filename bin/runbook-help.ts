import type { z } from "zod";
import type { Runbook } from "../runbooks/runbook.ts";
import { commands, commonOptions } from "./command-table.mjs";
import { hang, renderOptions, renderUsage } from "./help.mjs";
import { type InputProperty, inputProperties, kebab, limitsOf, shortNameOf } from "./runbook-inputs.ts";

/** Help of one runbook: its inputs as it declares them, then what every runbook takes. */
export function renderRunbookHelp(runbook: Runbook): string {
  const properties = inputProperties(runbook);
  const declared = Object.keys(properties).map(kebab);
  const inputs = Object.entries(properties).map(([name, property]): [string, string] => {
    const short = shortNameOf(kebab(name), declared);
    const meaning = meaningOf(
      property,
      (runbook.inputs as z.ZodObject).shape[name]?.safeParse(undefined).success === false,
    );
    return [`--${kebab(name)}${typed(property)}`, short === undefined ? meaning : `${meaning}; also --${short}`];
  });
  const raised = Object.entries(runbook.riskWith ?? {}).map(([name, risk]) => `${risk} with --${kebab(name)}`);
  const options = { ...Object.fromEntries(inputs), ...commands.run?.options, ...commonOptions };
  return [
    hang("", runbook.summary),
    "",
    renderUsage(`npx quorate run ${runbook.name} [--plan] [--confirm <digest>]${inputs.length > 0 ? " [inputs]" : ""}`),
    `risk ${[runbook.risk, ...raised].join(", ")}, for networks of ${runbook.systems.join(", ")}`,
    "",
    ...renderOptions(options),
  ].join("\n");
}

function typed(property: InputProperty): string {
  if (property.type === "boolean") return "";
  if (property.enum) return ` <${property.enum.join("|")}>`;
  if (property.type === "array") return " <a,b,…>";
  return property.type === "integer" || property.type === "number" ? " <n>" : " <text>";
}

function meaningOf(property: InputProperty, required: boolean): string {
  const { least, most } = limitsOf(property);
  const notes = [
    least === undefined ? undefined : `at least ${least}`,
    most === undefined ? undefined : `at most ${most}`,
    required ? "required" : undefined,
    property.default === undefined ? undefined : `default ${JSON.stringify(property.default).replaceAll('"', "")}`,
  ].filter((note) => note !== undefined);
  return [property.description, notes.length > 0 ? `(${notes.join(", ")})` : undefined].filter(Boolean).join(" ");
}
