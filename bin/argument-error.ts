import { nearestWord } from "../contract/nearest-word.mjs";
import { OperatorError } from "../contract/operator-error.ts";
import { commands, commonOptions } from "./command-table.mjs";

/** What node's own parseArgs throws for unknown or incomplete options, as an error in four parts; undefined for anything else. */
export function argumentError(failure: unknown, command: string, args: readonly string[]): OperatorError | undefined {
  const { code, message } = failure as NodeJS.ErrnoException;
  if (!(failure instanceof TypeError) || !code?.startsWith("ERR_PARSE_ARGS")) return undefined;
  // `devnet up` and `run validate` have options of their own.
  const words =
    command === "devnet" || command === "run" ? args.slice(0, 1).filter((word) => !word.startsWith("-")) : [];
  const called = [command, ...words].join(" ");
  const wrong = /'([^' ]*)/.exec(message)?.[1] ?? "";
  const help = `npx quorate ${command === "run" ? called : command} --help`;
  const known = Object.keys({ ...commands[command]?.options, ...commonOptions }).flatMap(
    (usage) => usage.match(/--[a-z-]+/g) ?? [],
  );
  const parts = {
    ERR_PARSE_ARGS_UNKNOWN_OPTION: () => {
      const near = nearestWord(wrong, known);
      return {
        what: `${called} has no option ${wrong}`,
        found: wrong,
        expected: near === undefined ? "the options that its help lists" : `${near}?`,
      };
    },
    ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL: () => ({
      what: `${called} does not take the word ${wrong}`,
      found: wrong,
      expected: "the words and options that its help lists",
    }),
    ERR_PARSE_ARGS_INVALID_OPTION_VALUE: () => {
      const takesNone = /does not take an argument/.test(message);
      return {
        what: takesNone ? `${wrong} of ${called} takes no value` : `${wrong} of ${called} lacks its value`,
        found: args.find((arg) => arg.startsWith(`${wrong}=`)) ?? wrong,
        expected: takesNone ? wrong : `${wrong} <value>`,
      };
    },
  }[code];
  return new OperatorError(
    {
      code: "ARGUMENT_INVALID",
      ...(parts?.() ?? { what: `${called} was called wrongly`, found: message, expected: "what its help lists" }),
      next: help,
    },
    { cause: failure },
  );
}
