import type { ChangedResource, Changes } from "../fleet/driver.ts";
import { colours, renderTable } from "./terminal.ts";

/** Operations after which something is no longer there. */
const losing: ReadonlySet<string> = new Set(["replace", "delete"]);

/** A row for each resource that changes; under it, each property with its old and its new value. */
export function changeRows(changes: readonly Pick<Changes, "partyId" | "resources">[]): string[] {
  const listed = changes.flatMap((party) => party.resources.map((resource) => ({ party: party.partyId, resource })));
  const cells = listed.map(({ party, resource }) => [`party ${party}`, resource.operation, resource.name]);
  const widths = [0, 1, 2].map((column) => Math.max(0, ...cells.map((row) => row[column]?.length ?? 0)));
  return listed.flatMap(({ resource }, index) => {
    const head = (cells[index] ?? []).map((cell, column) => cell.padEnd(widths[column] ?? 0));
    const row = renderTable([[`  ${head[0]}`, ...head.slice(1), resource.type]]);
    const properties = [
      ...resource.changes.map((change) => [`      ${change.path}`, valuesText(change)]),
      ...more(resource),
    ];
    return [
      losing.has(resource.operation) ? row.replace(resource.operation, colours.red) : row,
      ...(properties.length > 0 ? [renderTable(properties)] : []),
    ];
  });
}

/** The same as a list in Markdown. */
export function changeList(resources: readonly ChangedResource[]): string[] {
  return resources.flatMap((resource) => {
    const operation = losing.has(resource.operation) ? `**${resource.operation}**` : resource.operation;
    return [
      `- ${operation} \`${resource.name}\` (${resource.type})`,
      ...resource.changes.map((change) => {
        const [old, next] = [change.old, change.new].map((text) => (text === null ? "nothing" : code(text)));
        return `  - ${code(change.path)}: ${old} → ${next}${change.replaces ? ", which replaces it" : ""}`;
      }),
      ...more(resource).map(([text]) => `  - ${text?.trim()}`),
    ];
  });
}

function valuesText(change: ChangedResource["changes"][number]): string {
  const values = `${change.old ?? "nothing"} → ${change.new ?? "nothing"}`;
  return change.replaces ? `${values}, which replaces it` : values;
}

function more({ changesLeftOut: count }: ChangedResource): string[][] {
  return count > 0 ? [[`      and ${count} more`, ""]] : [];
}

/** Text as code: fenced by more backticks than it holds in a row, so that nothing in it is taken for Markdown. */
function code(text: string): string {
  const fence = "`".repeat(Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length)) + 1);
  const gap = text.startsWith("`") || text.endsWith("`") ? " " : "";
  return `${fence}${gap}${text.replaceAll("\n", " ")}${gap}${fence}`;
}
