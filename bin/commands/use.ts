import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { networkLine } from "../../runbooks/network-line.ts";
import { replaceFile } from "../../stacks/text-file.ts";
import { openSession, projectRoot } from "../session.ts";
import { colours, terminal } from "../terminal.ts";

export async function use(args: string[]): Promise<number> {
  const { positionals } = parseArgs({ args, options: {}, allowPositionals: true });
  const [network, ...more] = positionals;
  if (network === undefined || more.length > 0)
    throw new OperatorError({
      code: "ARGUMENT_INVALID",
      what: "`use` takes one network",
      found: `${positionals.length} words`,
      expected: "npx quorate use <network>",
      next: "ls stacks/networks",
    });
  const root = projectRoot();
  const session = await openSession({ network, root });
  const file = join(root, ".quorate", "current");
  await mkdir(join(root, ".quorate"), { recursive: true, mode: 0o700 });
  await replaceFile(file, `${network}\n`);
  terminal.print(networkLine(session.manifest, { rest: "is what the next commands are about", bold: colours.bold }));
  return exitCodes.ok;
}
