import { cutBetweenWords } from "../../contract/printable.ts";
import type { ContainerLog } from "./core-logs.ts";
import type { LogSights } from "./doctor-sights.ts";
import { logSignatures, signatureOf } from "./log-signatures.ts";

/** What comes after says nothing more to who reads it at night. */
const longestLine = 300;
/** What stands before it says of what it is. */
const leadIn = 80;
/** Of a line as it is looked at: who brings a core to say an error of megabytes is not to hold up a diagnosis. */
const longestLook = 8_000;

/** What is known of that which the containers said. */
export function scanLogs(logs: readonly ContainerLog[]): LogSights {
  const read = logs.flatMap(({ log, ...which }) => (log.status === "seen" ? [{ ...which, ...log.value }] : []));
  return {
    lines: read.flatMap(knownLines),
    truncated: read.filter(({ truncated }) => truncated).map(({ container }) => container),
    unreadable: logs.flatMap(({ container, log }) =>
      log.status === "unknown" ? [{ container, reason: log.reason }] : [],
    ),
    aheadSeconds: latestOf(read.filter(({ previous }) => !previous).flatMap(({ text }) => rowsOf(text))),
  };
}

interface Row {
  at: string | null;
  text: string;
}

function rowsOf(text: string): Row[] {
  return text.split("\n").flatMap((line): Row[] => {
    if (line === "") return [];
    const [, at, rest] = /^(\d{4}-\d\d-\d\dT\S+) (.*)$/s.exec(line) ?? [];
    return [{ at: at ?? null, text: withoutColours((rest ?? line).slice(0, longestLook)) }];
  });
}

function withoutColours(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours begin with
  return text.replace(/\u001b\[[0-9;]*m/g, "");
}

function knownLines({
  container,
  previous,
  text,
}: {
  container: string;
  previous: boolean;
  text: string;
}): LogSights["lines"] {
  const rows = rowsOf(text);
  const ends = new Map(
    logSignatures.map(({ id, ended }) => [id, ended ? rows.findLastIndex((row) => ended.test(row.text)) : -1]),
  );
  const known = new Map<string, LogSights["lines"][number]>();
  for (const [index, row] of rows.entries()) {
    const found = signatureOf(row.text);
    if (found === null || index < (ends.get(found.signature.id) ?? -1)) continue;
    const { signature, peer, index: fits } = found;
    const key = `${signature.id} ${peer}`;
    const count = (known.get(key)?.count ?? 0) + 1;
    known.set(key, {
      ...{ signature: signature.id, container, previous, at: row.at },
      ...{ text: shown(row.text, fits), peer, count },
    });
  }
  return [...known.values()];
}

/** As much of a line as tells: from its beginning, else from shortly before that which is known. */
function shown(line: string, fits: number): string {
  const before = line.lastIndexOf(" ", fits - leadIn) + 1;
  const start = fits <= longestLine / 2 ? 0 : fits - before <= longestLine / 2 ? before : fits;
  const text = cutBetweenWords(line.slice(start).trim(), longestLine);
  return start === 0 ? text : `… ${text}`;
}

/** By the latest line that has both times: its own in front of its level, and the container runtime's. */
function latestOf(rows: readonly Row[]): number | null {
  const both = rows.flatMap(({ at, text }) => {
    const [, own] = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) +(?:TRACE|DEBUG|INFO|WARN|ERROR)\b/.exec(text) ?? [];
    return at === null || own === undefined ? [] : [{ at, ahead: (Date.parse(own) - Date.parse(at)) / 1000 }];
  });
  const last = both.reduce<(typeof both)[number] | null>(
    (latest, one) => (latest === null || one.at >= latest.at ? one : latest),
    null,
  );
  return last === null || !Number.isFinite(last.ahead) ? null : Math.round(last.ahead);
}
