import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { openSession, projectRoot } from "../session.ts";
import { networkLine, terminal } from "../terminal.ts";

export async function use(args: string[]): Promise<number> {
  const { positionals } = parseArgs({ args, options: {}, allowPositionals: true });
  const [network, ...more] = positionals;
  if (network === undefined || more.length > 0)
    throw new OperatorError({
      code: "ARGUMENT_INVALID",
      what: "`use` takes one network",
      found: `${positionals.length} words`,
      expected: "quorate use <network>",
      next: "ls stacks/networks",
    });
  const root = projectRoot();
  const session = await openSession({ network, root });
  const file = join(root, ".quorate", "current");
  await mkdir(join(root, ".quorate"), { recursive: true });
  await writeFile(`${file}.${process.pid}`, `${network}\n`);
  await rename(`${file}.${process.pid}`, file);
  terminal.print(networkLine(network, session.manifest.environment, "is what the next commands are about"));
  return exitCodes.ok;
}
