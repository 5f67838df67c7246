import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileError } from "../contract/file-error.ts";
import type { RunbookContext } from "../runbooks/context.ts";
import { readIfThere, replaceFile } from "../stacks/text-file.ts";
import type { Session } from "./session.ts";

/** Of a hundred parties it is some 2 MB. */
const largestBaseline = 64 * 2 ** 20;

/** Where the operator's baselines lie: `baselines/<network>.<of>.json` in the project. */
export function baselineFiles({ root, network }: Pick<Session, "root" | "network">): RunbookContext["baseline"] {
  return (of) => {
    const path = `baselines/${network}.${of}.json`;
    const file = join(root, path);
    return {
      path,
      read: () => readIfThere(file, largestBaseline),
      async replace(text) {
        try {
          await mkdir(dirname(file), { recursive: true });
          await replaceFile(file, text);
        } catch (failure) {
          throw fileError(failure, path) ?? failure;
        }
      },
    };
  };
}
