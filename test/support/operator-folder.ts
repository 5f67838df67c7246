import { cp, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A folder as an operator has one: stack files of their own, Quorate among the dependencies. */
export async function createOperatorFolder(folder: string): Promise<string> {
  await mkdir(join(folder, "node_modules"), { recursive: true });
  await cp(join(root, "stacks/networks"), join(folder, "stacks/networks"), { recursive: true });
  for (const name of await readdir(join(root, "stacks")))
    if (/^Pulumi\..+\.yaml$/.test(name)) await cp(join(root, "stacks", name), join(folder, "stacks", name));
  await cp(join(root, "devnet/charts"), join(folder, "devnet/charts"), { recursive: true });
  await symlink(root, join(folder, "node_modules/quorate"));
  await writeFile(join(folder, "package.json"), '{ "name": "operator", "private": true, "type": "module" }\n');
  return folder;
}
