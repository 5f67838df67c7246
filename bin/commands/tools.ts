import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { exitCodes } from "../../contract/verdict.ts";
import { renderTable, terminal } from "../terminal.ts";
import { chooseFormat } from "./stacks.ts";

/** Set-up takes no option; without one it is started before any of this is loaded. */
export async function setup(args: string[]): Promise<number> {
  parseArgs({ args, options: {} });
  await import("../../tools/setup.mjs");
  return Number(process.exitCode ?? exitCodes.ok);
}

/** Lists each tool with its version and where it came from. */
export async function tools(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { format: { type: "string", default: "table" } } });
  const format = chooseFormat(values.format, ["table", "json"]);
  const { listTools } = await import("../../tools/tool-list.mjs");
  const rows = listTools(fileURLToPath(new URL("../..", import.meta.url)));
  if (format === "json") terminal.print(JSON.stringify({ schema: "quorate/tools/v1", tools: rows }, null, 2));
  else terminal.print(renderTools(rows, terminal.width));
  return exitCodes.ok;
}

/** A row for each tool; where the terminal is too narrow for the address that it came from, that has a line of its own. */
export function renderTools(
  tools: readonly { name: string; version: string; origin: string }[],
  columns: number,
): string {
  const table = renderTable(
    tools.map((tool) => [tool.name, tool.version, tool.origin]),
    columns,
  );
  if (table.split("\n").every((line) => line.length <= columns)) return table;
  return tools.map((tool) => `${tool.name} ${tool.version}\n  ${tool.origin}`).join("\n");
}
