/** A word as a shell reads it back: as it is where it holds nothing that the shell would take for its own. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The command that runs the plan that was shown: the same words, with its digest instead of --plan. */
export function confirmCommand(command: string, args: readonly string[], digest: string): string {
  const words = args.filter((arg) => arg !== "--plan").map(shellQuote);
  return ["npx quorate", command, ...words, "--confirm", digest].join(" ");
}
