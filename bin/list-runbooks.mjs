import { catalogue } from "../runbooks/catalogue.mjs";
import { hang } from "./help.mjs";

/** `quorate runbooks`, in plain JavaScript: someone looks for the right one in a hurry. */
export function listRunbooks(format) {
  if (format === "json") return `${JSON.stringify({ schema: "quorate/runbooks/v1", runbooks: catalogue }, null, 2)}\n`;
  const rows = [
    ["runbook", "systems", "risk", "what it does"],
    ...catalogue.map((row) => [row.name, row.systems.join(","), row.risk, row.summary]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column].length)));
  const head = (row) => `${[0, 1, 2].map((column) => row[column].padEnd(widths[column])).join("  ")}  `;
  return `${rows.map((row) => hang(head(row), row[3])).join("\n")}\n`;
}
