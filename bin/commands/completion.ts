import { parseArgs } from "node:util";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { commands, commonOptions } from "../command-table.mjs";
import { terminal } from "../terminal.ts";

/** Prints a completion script made from the command table. */
export async function completion(args: string[]): Promise<number> {
  const [shell, ...more] = parseArgs({ args, options: {}, allowPositionals: true }).positionals;
  const render = { bash: renderBash, zsh: renderZsh, fish: renderFish }[shell ?? ""];
  if (render === undefined || more.length > 0)
    throw new OperatorError({
      code: "ARGUMENT_INVALID",
      what: "completion of which shell?",
      found: [shell, ...more].join(" ") || "none named",
      expected: "bash, zsh or fish",
      next: 'eval "$(npx quorate completion bash)"',
    });
  terminal.print(render());
  return exitCodes.ok;
}

/** What may follow a command: its words, and its options without their values. */
function following(): [string, string[]][] {
  return Object.entries(commands).map(([name, command]) => {
    const options = Object.keys({ ...command.options, ...commonOptions }).flatMap(
      (usage) => /^--[a-z-]+/.exec(usage)?.[0] ?? [],
    );
    return [name, [...(command.words ?? []), ...options]];
  });
}

function renderBash(): string {
  const cases = following().map(([name, words]) => `    ${name}) words="${words.join(" ")}" ;;`);
  return [
    "_quorate() {",
    `  local words="${Object.keys(commands).join(" ")}"`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own variables
    '  if [ "$COMP_CWORD" -gt 1 ]; then case "${COMP_WORDS[1]}" in',
    ...cases,
    "  esac; fi",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own variables
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    "}",
    "complete -F _quorate quorate",
  ].join("\n");
}

function renderZsh(): string {
  return ["autoload -U +X bashcompinit && bashcompinit", renderBash()].join("\n");
}

function renderFish(): string {
  return Object.entries(commands)
    .map(
      ([name, { summary }]) =>
        `complete -c quorate -n __fish_use_subcommand -f -a ${name} -d '${summary.replaceAll("'", "\\'")}'`,
    )
    .concat(
      following().map(
        ([name, words]) => `complete -c quorate -n '__fish_seen_subcommand_from ${name}' -f -a '${words.join(" ")}'`,
      ),
    )
    .join("\n");
}
