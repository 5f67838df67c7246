import { mkdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseDocument } from "yaml";
import { fileError } from "../contract/file-error.ts";
import { projectName } from "../stacks/project.ts";
import { readIfThere, replaceFile } from "../stacks/text-file.ts";

/** What the engine itself writes into a stack file, once: how the stack's secrets are encrypted. */
const keysOfEngine = ["secretsprovider", "encryptedkey", "encryptionsalt"];

/** A working folder for the engine's CLI, in which it finds stack files and the party program. */
export async function prepareEngineFolder(folder: string, stacksDir: string): Promise<string> {
  const program = resolve(dirname(fileURLToPath(import.meta.url)), "..", "stacks");
  const text = [
    `name: ${projectName}`,
    "runtime: { name: nodejs, options: { typescript: false } }",
    `main: ${JSON.stringify(relative(folder, program))}`,
    `stackConfigDir: ${JSON.stringify(relative(folder, stacksDir) || ".")}`,
    "",
  ].join("\n");
  const file = join(folder, "Pulumi.yaml");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readIfThere(file)) !== text) await replaceFile(file, text);
  return folder;
}

/**
 * A stack file as the engine gets it: a copy. It writes a file by emptying it first, so that a kill in that instant, or a look at it, finds
 * half a file; what it adds is taken over whole.
 */
export class EngineStackFile {
  /** The engine's working folder for this stack; its `stackConfigDir` is the folder itself. */
  readonly folder: string;
  /** The copy. */
  readonly path: string;
  readonly #original: string;

  private constructor(folder: string, path: string, original: string) {
    this.folder = folder;
    this.path = path;
    this.#original = original;
  }

  static async prepare(engineFolder: string, stackName: string, original: string): Promise<EngineStackFile> {
    const folder = await prepareEngineFolder(join(engineFolder, stackName), join(engineFolder, stackName));
    const path = join(folder, `Pulumi.${stackName}.yaml`);
    await replaceFile(path, await readFile(original, "utf8"), 0o600);
    return new EngineStackFile(folder, path, original);
  }

  /** Takes over what the engine added; all else in the stack file, comments too, stays as it is there now. */
  async takeOver(): Promise<void> {
    const text = await readFile(this.path, "utf8");
    // An engine that was killed as it wrote.
    if (!text.endsWith("\n")) return;
    const copy = parseDocument(text);
    const document = parseDocument(await readFile(this.#original, "utf8"));
    const added = keysOfEngine.filter((key) => copy.has(key) && copy.get(key) !== document.get(key));
    if (added.length === 0) return;
    for (const key of added) document.set(key, copy.get(key));
    try {
      // Where it is a link, what it points to is the file.
      const path = await realpath(this.#original);
      const { mode } = await stat(path);
      await replaceFile(path, document.toString({ lineWidth: 0 }), mode & 0o777);
    } catch (failure) {
      throw fileError(failure, this.#original) ?? failure;
    }
  }
}
