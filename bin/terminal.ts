import { createColors } from "picocolors";
import { printable, printableLine } from "../contract/printable.ts";
import { hang } from "./help.mjs";

const interactive = process.stderr.isTTY === true && process.env.TERM !== "dumb";

/** What people see: results on standard output, progress on standard error. Colour only on a terminal, and never with NO_COLOR. */
export const terminal = {
  /** Whether a person can be asked. */
  canAsk: process.stdin.isTTY === true && process.stderr.isTTY === true,
  colour: process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== "dumb",
  width: process.stdout.columns ?? 100,

  print(text: string): void {
    this.endProgress();
    const shown = printable(text, { colours: this.colour });
    process.stdout.write(shown.endsWith("\n") ? shown : `${shown}\n`);
  },

  /** A step of long work: one line that is written over on a terminal, a line of its own elsewhere. */
  progress(said: string): void {
    const text = printableLine(said);
    if (interactive) {
      const room = (process.stderr.columns ?? 80) - 1;
      process.stderr.write(`\r\x1b[2K${text.length > room ? `${text.slice(0, room - 1)}…` : text}`);
      pending = true;
    } else if (text !== last) process.stderr.write(`${text}\n`);
    last = text;
  },

  endProgress(): void {
    if (pending) process.stderr.write("\r\x1b[2K");
    pending = false;
  },
};

let pending = false;
let last = "";

export const colours = createColors(terminal.colour);

/** Rows as aligned columns; the last one is wrapped under itself where the terminal ends. */
export function renderTable(rows: readonly (readonly string[])[], columns = terminal.width): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  return rows
    .map((row) => {
      const head = row.slice(0, -1).map((cell, column) => `${cell.padEnd(widths[column] ?? 0)}  `);
      return hang(head.join(""), row.at(-1) ?? "", columns).trimEnd();
    })
    .join("\n");
}
