import type { ChangedResource, Changes } from "../fleet/driver.ts";
import { colours, renderTable } from "./terminal.ts";

/** Operations after which something is no longer there. */
const losing: ReadonlySet<string> = new Set(["replace", "delete"]);

/** More new resources than this of one party are a new party: how many says it all. */
const mostCreates = 20;

/**
 * A row for each resource that changes; under it, each property with its old and its new value. What is new is only counted where it is
 * much, unless all is `verbose`.
 */
export function changeRows(
  changes: readonly Pick<Changes, "partyId" | "resources">[],
  { verbose = false, isDone = false }: { verbose?: boolean; isDone?: boolean } = {},
): string[] {
  const isCreate = ({ operation }: ChangedResource) => operation === "create";
  const isMany = (resources: readonly ChangedResource[]) => !verbose && resources.filter(isCreate).length > mostCreates;
  const counted = changes
    .filter(({ resources }) => isMany(resources))
    .map(({ partyId, resources }) => [
      `  party ${partyId}`,
      "create",
      `${resources.filter(isCreate).length} resources${isDone ? "" : "; --verbose lists them"}`,
    ]);
  const listed = changes.flatMap(({ partyId: party, resources }) =>
    resources.filter((resource) => !(isMany(resources) && isCreate(resource))).map((resource) => ({ party, resource })),
  );
  return [...(counted.length > 0 ? [renderTable(counted)] : []), ...resourceRows(listed)];
}

function resourceRows(listed: readonly { party: number; resource: ChangedResource }[]): string[] {
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

/** How many resources of a party would be, or are, what: `1 update, 70 unchanged`, once it is done `1 updated, 70 unchanged`. */
export function countText({ counts }: Pick<Changes, "counts">, report: "preview" | "up"): string {
  const words = { create: "created", update: "updated", replace: "replaced", delete: "deleted" };
  const parts = Object.entries(words).flatMap(([operation, done]) =>
    counts[operation] ? [`${counts[operation]} ${report === "up" ? done : operation}`] : [],
  );
  return [...parts, ...(counts.same ? [`${counts.same} unchanged`] : [])].join(", ") || "nothing";
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
