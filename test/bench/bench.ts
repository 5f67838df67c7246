import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { renderTable } from "../../bin/terminal.ts";
import { type Figure, type Row, rows } from "./rows.ts";

// `npm run bench`: one table on the terminal and one JSON, each figure a median over several runs beside its target. It never fails on a figure:
// machines differ, and a slow one is not a defect. It fails when something can not be measured.
const root = fileURLToPath(new URL("../..", import.meta.url));
const only = process.argv.slice(2);
const chosen = only.length === 0 ? rows : rows.filter((row) => only.includes(row.id));
const unknown = only.filter((id) => !rows.some((row) => row.id === id));
if (unknown.length > 0 || chosen.length === 0) {
  process.stderr.write(`no such row: ${unknown.join(", ")}\nrows: ${rows.map((row) => row.id).join(", ")}\n`);
  process.exit(2);
}

const scratch = await mkdtemp(join(tmpdir(), "quorate-bench-"));
const results: { row: Row; figure: Figure }[] = [];
let failed = false;
try {
  for (const row of chosen) {
    process.stderr.write(`measuring ${row.what} …\n`);
    try {
      results.push({ row, figure: await row.measure({ root, scratch }) });
    } catch (failure) {
      failed = true;
      process.stderr.write(
        `could not measure ${row.id}: ${failure instanceof Error ? failure.message : String(failure)}\n`,
      );
    }
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}

const table = results.map(({ row, figure }) => [
  row.what,
  row.target,
  `${figure.value.toFixed(2)} ${figure.unit}`,
  `±${Math.round(figure.spread * 100)} %`,
  figure.value <= row.limit ? "within" : "OVER",
  figure.detail,
]);
process.stdout.write(`${renderTable([["what", "target", "result", "spread", "", "measured"], ...table])}\n`);
const file = join(root, ".quorate", "bench.json");
await mkdir(join(root, ".quorate"), { recursive: true });
const report = {
  schema: "quorate/bench/v1",
  node: process.version,
  rows: results.map(({ row, figure }) => ({
    id: row.id,
    what: row.what,
    target: row.target,
    limit: row.limit,
    ...figure,
  })),
};
await writeFile(`${file}.${process.pid}`, `${JSON.stringify(report, null, 2)}\n`);
await rename(`${file}.${process.pid}`, file);
process.stdout.write(`written to ${file}\n`);
process.exitCode = failed ? 1 : 0;
