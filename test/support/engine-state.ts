import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const backend = (folder: string) => join(folder, ".quorate/devnet/backend/.pulumi");
const patienceMs = 180_000;

/** The locks that engines hold on stacks of a devnet. */
export async function locksIn(folder: string): Promise<string[]> {
  const found = await readdir(join(backend(folder), "locks"), { recursive: true }).catch(
    (failure: NodeJS.ErrnoException) => {
      if (failure.code === "ENOENT") return [];
      throw failure;
    },
  );
  return found.filter((name) => name.endsWith(".json"));
}

/** Resolves once the state of a stack says that one of a type is being made. */
export async function isMaking(folder: string, stackName: string, type: string): Promise<void> {
  const file = join(backend(folder), "stacks/quorate", `${stackName}.json`);
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; ) {
    const text = await readFile(file, "utf8").catch(() => "");
    if (/"pending_operations":\s*\[[\s\S]*$/.exec(text)?.[0].includes(`"${type}"`)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no ${type} was begun in ${file}`);
}
