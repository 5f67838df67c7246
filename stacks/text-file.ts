import { readFile } from "node:fs/promises";
import { fileError } from "../contract/file-error.ts";

/** A file's text; undefined where there is no such file. Throws the OperatorError of `fileError` where it can not be read. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileError(failure, path) ?? failure;
  }
}
