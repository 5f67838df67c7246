export const logLevels = ["error", "warn", "info"] as const;
export type LogLevel = (typeof logLevels)[number];

const words: readonly [RegExp, LogLevel][] = [
  [
    /\b(?:ERROR|FATAL|PANIC|CRITICAL)\b|"level"\s*:\s*"(?:error|fatal)"|\bpanicked at\b|\blevel=(?:error|fatal)\b/i,
    "error",
  ],
  [/\bWARN(?:ING)?\b|"level"\s*:\s*"warn(?:ing)?"|\blevel=warn/i, "warn"],
  [/\b(?:INFO|DEBUG|TRACE)\b|"level"\s*:\s*"(?:info|debug|trace)"|\blevel=(?:info|debug|trace)\b/i, "info"],
];
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours of terminals, which loggers write into files too
const colour = /\x1b\[[0-9;]*m/g;
/** A level stands before the message, in which any word may stand. */
const headLength = 160;

/** A log's lines by level. A line without one belongs to the line before it: a stack trace is part of its error. */
export function byLevel(text: string): Record<LogLevel, string> {
  const found: Record<LogLevel, string[]> = { error: [], warn: [], info: [] };
  let level: LogLevel = "info";
  for (const line of text.split("\n")) {
    if (line === "") continue;
    level = levelOf(line) ?? level;
    found[level].push(line);
  }
  const joined = (lines: string[]) => lines.map((line) => `${line}\n`).join("");
  return { error: joined(found.error), warn: joined(found.warn), info: joined(found.info) };
}

function levelOf(line: string): LogLevel | undefined {
  const head = line
    .slice(0, 4 * headLength)
    .replace(colour, "")
    .slice(0, headLength);
  // The first word that is one: an INFO may speak of an error.
  const hits = words.flatMap(([pattern, level]) => {
    const at = head.search(pattern);
    return at === -1 ? [] : [{ at, level }];
  });
  return hits.sort((one, other) => one.at - other.at)[0]?.level;
}
