import { parseArgs } from "node:util";
import { nearestWord } from "../../contract/nearest-word.mjs";
import { Transport } from "../../contract/network-manifest.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { devnetDown, devnetEnv, devnetFault, devnetStatus, devnetUp } from "../../devnet/devnet.ts";
import { faultText, parseFault } from "../../devnet/fault.ts";
import { devnetDownError } from "../../devnet/ready.ts";
import { networkLine } from "../../runbooks/network-line.ts";
import { renderDevnet } from "../devnet-text.ts";
import { chosenNetwork, projectRoot, toolsFolder, useTools } from "../session.ts";
import { shellQuote } from "../shell-quote.ts";
import { colours, terminal } from "../terminal.ts";
import { waitForStartingCores } from "../wait-for-cores.ts";
import { chooseFormat } from "./stacks.ts";

const actions: Record<string, (args: string[], root: string) => Promise<number>> = { up, down, status, fault, env };

export async function devnet(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  const act = actions[name ?? ""];
  if (act === undefined)
    throw new OperatorError({
      code: "ARGUMENT_INVALID",
      what: name === undefined ? "devnet what?" : `devnet has no action "${name}"`,
      found: name ?? "nothing",
      expected: (name && nearestWord(name, Object.keys(actions))) ?? Object.keys(actions).join(", "),
      next: "npx quorate devnet --help",
    });
  const root = projectRoot();
  useTools();
  return await act(rest, root);
}

async function up(args: string[], root: string): Promise<number> {
  const options = {
    network: { type: "string" },
    "no-exchange": { type: "boolean", default: false },
    transport: { type: "string" },
  } as const;
  const { values } = parseArgs({ args, options });
  const progress = (text: string) => terminal.progress(text);
  const transport = values.transport === undefined ? undefined : chooseTransport(values.transport);
  const network = values.network ?? (await chosenNetwork(root));
  await devnetUp({ root, network, exchange: !values["no-exchange"], transport, onProgress: progress });
  await waitForStartingCores({ look: () => devnetStatus(root), progress });
  return await status([], root);
}

function chooseTransport(word: string): Transport {
  const chosen = Transport.safeParse(word);
  if (chosen.success) return chosen.data;
  throw new OperatorError({
    code: "ARGUMENT_INVALID",
    what: `parties do not reach each other by "${word}"`,
    found: `--transport ${word}`,
    expected: Transport.options.join(" or "),
    next: "npx quorate devnet --help",
  });
}

async function down(args: string[], root: string): Promise<number> {
  const { values } = parseArgs({ args, options: { keep: { type: "boolean", default: false } } });
  await devnetDown({ root, keep: values.keep });
  terminal.print(values.keep ? "the devnet is down; its state is kept" : "the devnet is down, and its state is gone");
  return exitCodes.ok;
}

async function status(args: string[], root: string): Promise<number> {
  const { values } = parseArgs({ args, options: { format: { type: "string", default: "table" } } });
  const format = chooseFormat(values.format, ["table", "json"]);
  const found = await devnetStatus(root);
  if (format === "json") {
    const findings = found.phase === "down" ? [downFinding(root, found.network)] : [];
    const verdict = found.phase === "ready" ? "OK" : "FAIL";
    terminal.print(JSON.stringify({ schema: "quorate/devnet-status/v1", ...found, verdict, findings }, null, 2));
  } else if (found.phase === "down") {
    throw devnetDownError(root, "no devnetd that answers", found.network || undefined);
  } else {
    terminal.print(
      [
        devnetLine(found.network, `${found.phase}, in 127.${found.k}.0.0/16`),
        renderDevnet(found),
        ...nextAfter(found.parties),
      ].join("\n"),
    );
  }
  if (found.phase === "down") return exitCodes.usage;
  return found.phase === "ready" ? exitCodes.ok : exitCodes.failed;
}

function nextAfter(parties: readonly { core: string }[]): string[] {
  if (parties.every(({ core }) => core === "absent")) return ["next  npx quorate up --all"];
  return parties.every(({ core }) => core === "serving") ? [] : ["next  npx quorate validate"];
}

function downFinding(root: string, network: string) {
  const { code, what, found, expected, next } = devnetDownError(
    root,
    "no devnetd that answers",
    network || undefined,
  ).problem;
  return { code, party: null, field: what, found, expected, next };
}

async function fault(args: string[], root: string): Promise<number> {
  // A clock that is behind is told by a number below 0, which is no option.
  const isNumber = (word: string) => /^-\d+$/.test(word);
  parseArgs({ args: args.filter((word) => !isNumber(word)), options: {}, allowPositionals: true });
  const { network, faults } = await devnetFault(root, parseFault(args.filter((word) => word !== "--")));
  terminal.print(devnetLine(network, `faults: ${faults.map(faultText).join(", ") || "none"}`));
  return exitCodes.ok;
}

function devnetLine(network: string, rest: string): string {
  return networkLine({ network, environment: "devnet" }, { rest, bold: colours.bold });
}

/** Prints exports for a shell: with them, ordinary `pulumi`, `kubectl` and `helm` work against one party. */
async function env(args: string[], root: string): Promise<number> {
  const { values } = parseArgs({ args, options: { party: { type: "string" } } });
  if (values.party === undefined)
    throw new OperatorError({
      code: "PARTY_NOT_CHOSEN",
      what: "the environment of which party?",
      found: "no --party",
      expected: "--party <id>",
      next: 'eval "$(npx quorate devnet env --party 1)"',
    });
  const lines = Object.entries(devnetEnv(root, values.party)).map(
    ([name, value]) => `export ${name}=${shellQuote(value)}`,
  );
  terminal.print([...lines, `export PATH=${shellQuote(toolsFolder)}:"$PATH"`].join("\n"));
  return exitCodes.ok;
}
