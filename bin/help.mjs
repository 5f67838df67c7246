import { commands, commonOptions } from "./command-table.mjs";

/** Help of the whole program, or of one command. */
export function renderHelp(name) {
  const command = name === undefined ? undefined : commands[name];
  if (command === undefined) {
    const width = Math.max(...Object.keys(commands).map((word) => word.length));
    return [
      hang("quorate: ", "stand up one party of a threshold-MPC network, and prove that the network around it works."),
      "",
      "usage: npx quorate <command> [options]",
      "",
      ...Object.entries(commands).map(([word, { summary }]) => hang(`  ${word.padEnd(width)}  `, summary)),
      "",
      ...hang("", "`npx quorate <command> --help` lists a command's options.").split("\n"),
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
    renderUsage(command.usage),
    "",
    ...renderOptions({ ...command.options, ...commonOptions }),
    ...(command.examples ? ["", "examples:", ...command.examples.map((example) => `  ${example}`)] : []),
    "",
  ].join("\n");
}

/** A line of usage, broken between its parts: an option stays beside its value. */
export function renderUsage(usage) {
  const parts = usage.replace(/\[[^\]]*\]|\([^)]*\)/g, (part) => part.replaceAll(" ", "\u00a0"));
  return hang("usage: ", parts).replaceAll("\u00a0", " ");
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
