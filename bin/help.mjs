import { commands, commonOptions } from "./command-table.mjs";

/** Help of the whole program, or of one command. */
export function renderHelp(name) {
  const command = name === undefined ? undefined : commands[name];
  if (command === undefined) {
    const width = Math.max(...Object.keys(commands).map((word) => word.length));
    return [
      "quorate: stand up one party of a threshold-MPC network, and prove that the network around it works.",
      "",
      "usage: npx quorate <command> [options]",
      "",
      ...Object.entries(commands).map(([word, { summary }]) => hang(`  ${word.padEnd(width)}  `, summary)),
      "",
      "options of every command:",
      ...renderOptions(commonOptions),
      "",
      "examples:",
      "  npx quorate demo",
      "  npx quorate validate",
      "  npx quorate devnet fault cut 2 3 && npx quorate validate",
      "",
      hang(
        "exit codes: ",
        "0 ok, 1 a check failed, 2 usage or unreadable input, 3 refused for safety, 4 interrupted (resumable), 5 could not tell, 70 a bug",
      ),
      "",
    ].join("\n");
  }
  return [
    hang("", command.summary),
    "",
    hang("usage: ", command.usage),
    "",
    ...renderOptions({ ...command.options, ...commonOptions }),
    ...(command.examples ? ["", "examples:", ...command.examples.map((example) => `  ${example}`)] : []),
    "",
  ].join("\n");
}

/** Rows of words and what they mean. */
export function renderOptions(options) {
  const width = Math.max(...Object.keys(options).map((word) => word.length));
  return Object.entries(options).map(([word, text]) => hang(`  ${word.padEnd(width)}  `, text));
}

/** Text that hangs beside its head: wrapped at the terminal's width, later lines under the first. */
export function hang(head, text, columns = process.stdout.columns ?? 100) {
  const room = Math.max(24, columns - head.length);
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= room) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.map((line, index) => `${index === 0 ? head : " ".repeat(head.length)}${line}`).join("\n");
}

/** The known word that is nearest to a mistyped one, if any is near. */
export function suggest(word, known) {
  let best;
  for (const candidate of known) {
    const away = distance(word, candidate);
    if (away <= Math.max(2, Math.floor(candidate.length / 3)) && (best === undefined || away < best.away))
      best = { candidate, away };
  }
  return best?.candidate;
}

/** Edits (insert, drop, change, swap neighbours) from one word to the other. */
function distance(a, b) {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array(b.length).fill(0)]);
  for (let j = 1; j <= b.length; j++) rows[0][j] = j;
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  return rows[a.length][b.length];
}
