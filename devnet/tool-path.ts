import { accessSync, constants } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { OperatorError } from "../contract/operator-error.ts";

const toolsFolder = join(dirname(dirname(fileURLToPath(import.meta.url))), ".tools", "bin");

/** Absolute path of a tool binary: the one that set-up linked, else the first on PATH. */
export function toolPath(name: string): string {
  for (const folder of [toolsFolder, ...(process.env.PATH ?? "").split(delimiter)]) {
    if (folder === "") continue;
    const candidate = join(folder, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch (error) {
      // Absent or not executable: look further. Anything else (a loop of links, say) deserves to be seen.
      if (!["ENOENT", "EACCES", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
  throw new OperatorError({
    code: "TOOL_MISSING",
    what: `the program ${name} is needed and not installed`,
    found: `no ${name} in ${toolsFolder} or on PATH`,
    expected: `an executable ${name}`,
    next: "npx quorate setup",
  });
}
