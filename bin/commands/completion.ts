// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the shell's own variables
import { parseArgs } from "node:util";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { catalogue } from "../../runbooks/catalogue.mjs";
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

interface Following {
  /** Right after the command. */
  first: string[];
  /** After one of those words: `devnet fault`, `devnet down`. */
  after: Record<string, string[]>;
  /** After an option. */
  values: Record<string, string[]>;
}

/** What a shell is asked for where only the project knows: files are named after networks and runs, and stack files hold party ids. */
const inProject = {
  networks: `$(ls stacks/networks 2>/dev/null | sed -n 's/\\.yaml$//p')`,
  parties: `$(sed -n 's/^ *quorate:party: *//p' stacks/Pulumi.*.yaml 2>/dev/null)`,
  runs: "$(ls .quorate/runs 2>/dev/null)",
};

/** Everything is read from the command table, as the help shows it. */
function following(name: string): Following {
  const { usage = "", options = {}, words = [] } = commands[name] ?? {};
  const keys = Object.keys({ ...options, ...commonOptions });
  const flags = (usages: string[]) => usages.flatMap((text) => text.match(/--[a-z-]+/g) ?? []);
  const general = flags(keys.filter((key) => key.startsWith("--")));
  const dynamic = {
    use: [inProject.networks],
    resume: [inProject.runs],
    run: catalogue.map((runbook) => runbook.name),
  };
  const after = words.map((word) => {
    const own = keys.filter((key) => key.split(" ")[0] === word);
    const third = own.flatMap((key) => /^\S+ ([a-z][a-z-]*)/.exec(key)?.[1] ?? []);
    return [word, [...third, ...flags(own), ...general]];
  });
  const choices = [...usage.matchAll(/(--[a-z-]+) ([a-z]+(?:\|[a-z]+)+)/g)].map(([, option = "", list = ""]) => [
    option,
    list.split("|"),
  ]);
  const formats = Object.entries(options).flatMap(([key, meaning]) =>
    key.startsWith("--format")
      ? [["--format", meaning.match(/\b(table|json|markdown|junit|html|prometheus)\b/g) ?? []]]
      : [],
  );
  return {
    first: [...(dynamic[name as keyof typeof dynamic] ?? []), ...words, ...general],
    after: Object.fromEntries(after),
    values: {
      "--network": [inProject.networks],
      "--party": [inProject.parties],
      ...Object.fromEntries([...formats, ...choices]),
    },
  };
}

function renderBash(): string {
  const cases = Object.keys(commands).flatMap((name) => {
    const { first, after, values } = following(name);
    const line = (pattern: string, words: string[]) => `    ${pattern}) words="${words.join(" ")}" ;;`;
    return [
      ...Object.entries(values).map(([option, words]) => line(`"${name} "*" ${option}"`, words)),
      ...Object.entries(after).map(([word, words]) => line(`"${name} ${word} "*`, words)),
      line(`"${name} "*`, first),
    ];
  });
  return [
    "_quorate() {",
    // Through npx the command is one word further on.
    '  local first=1 words=""; if [ "${COMP_WORDS[0]##*/}" = npx ]; then first=2; fi',
    `  if [ "$COMP_CWORD" -le "$first" ]; then words="${Object.keys(commands).join(" ")}"`,
    // The command, the word after it if there is one already, and the word before the one that is typed.
    '  else local second="${COMP_WORDS[first+1]}"; if [ "$COMP_CWORD" -eq "$((first+1))" ]; then second=""; fi',
    '  case "${COMP_WORDS[first]} $second ${COMP_WORDS[COMP_CWORD-1]}" in',
    ...cases,
    "  esac; fi",
    '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
    "}",
    "_quorate_npx() {",
    '  if [ "$COMP_CWORD" -gt 1 ] && [ "${COMP_WORDS[1]}" = quorate ]; then _quorate',
    '  elif [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W quorate -- "${COMP_WORDS[1]}")); fi',
    "}",
    "complete -F _quorate quorate",
    "complete -o default -F _quorate_npx npx",
  ].join("\n");
}

function renderZsh(): string {
  return ["autoload -U +X bashcompinit && bashcompinit", renderBash()].join("\n");
}

function renderFish(): string {
  const fish = (words: string[]) => words.join(" ").replaceAll("$(", "(").replaceAll("'", "\\'");
  return [
    // Words so far, without npx before them.
    "function __quorate_words; set -l words (commandline -opc); test $words[1] = npx; and set -e words[1]; printf '%s\\n' $words; end",
    'function __quorate_at; set -l words (__quorate_words); test "$words[1]" = quorate; and test "$words[2..]" = "$argv"; end',
    'function __quorate_in; set -l words (__quorate_words); test "$words[1]" = quorate; and test "$words[2]" = $argv[1]; end',
    "complete -c npx -n 'test (count (commandline -opc)) -eq 1' -a quorate",
    ...["quorate", "npx"].flatMap((program) =>
      Object.entries(commands).flatMap(([name, { summary }]) => {
        const { first, after, values } = following(name);
        const options = first.filter((word) => word.startsWith("--"));
        const at = `complete -c ${program} -n`;
        return [
          `${at} '__quorate_at' -f -a ${name} -d '${summary.replaceAll("'", "\\'")}'`,
          `${at} '__quorate_at ${name}' -f -a '${fish(first.filter((word) => !word.startsWith("--")))}'`,
          ...options.map((option) => {
            const choice = values[option];
            return `${at} '__quorate_in ${name}' -l ${option.slice(2)}${choice ? ` -x -a '${fish(choice)}'` : ""}`;
          }),
          ...Object.entries(after).map(
            ([word, words]) => `${at} '__quorate_at ${name} ${word}' -f -a '${fish(words)}'`,
          ),
        ];
      }),
    ),
  ].join("\n");
}
