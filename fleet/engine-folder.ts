import { mkdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Document, parseDocument, stringify } from "yaml";
import { fileError } from "../contract/file-error.ts";
import { OperatorError } from "../contract/operator-error.ts";
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
  readonly #keysBefore: string;

  private constructor(folder: string, path: string, original: string, keysBefore: string) {
    this.folder = folder;
    this.path = path;
    this.#original = original;
    this.#keysBefore = keysBefore;
  }

  static async prepare(engineFolder: string, stackName: string, original: string): Promise<EngineStackFile> {
    const folder = await prepareEngineFolder(join(engineFolder, stackName), join(engineFolder, stackName));
    const path = join(folder, `Pulumi.${stackName}.yaml`);
    const text = await readFile(original, "utf8");
    await replaceFile(path, text, 0o600);
    return new EngineStackFile(folder, path, original, JSON.stringify(engineKeys(parseDocument(text))));
  }

  /**
   * Lets the engine work, and takes over what it added whatever came of that. What the engine did, or refused, counts for more than a file that
   * can not be written: of an update that is finished, gives why it could not.
   */
  async during(operation: "preview" | "up", work: () => Promise<unknown>): Promise<OperatorError | undefined> {
    const taken = async () => {
      try {
        await this.takeOver();
        return undefined;
      } catch (failure) {
        if (failure instanceof OperatorError) return failure;
        throw failure;
      }
    };
    try {
      await work();
    } catch (failure) {
      await taken();
      throw failure;
    }
    const unwritten = await taken();
    if (operation === "preview" && unwritten) throw unwritten;
    return unwritten;
  }

  /** Takes over what the engine added; all else in the stack file, comments too, stays as it is there now. */
  async takeOver(): Promise<void> {
    const text = await readFile(this.path, "utf8");
    // An engine that was killed as it wrote.
    if (!text.endsWith("\n")) return;
    const now = await readFile(this.#original, "utf8").catch((failure: unknown) => {
      throw fileError(failure, this.#original) ?? failure;
    });
    const document = parseDocument(now);
    // Whoever wrote keys meanwhile encrypted secrets with them. Of a file that is being edited nothing is known.
    if (document.errors.length > 0 || JSON.stringify(engineKeys(document)) !== this.#keysBefore) return;
    const added = engineKeys(parseDocument(text)).filter(([key, value]) => document.get(key) !== value);
    if (added.length === 0) return;
    try {
      // Where it is a link, what it points to is the file.
      const path = await realpath(this.#original);
      const { mode } = await stat(path);
      await replaceFile(path, withKeys(now, document, Object.fromEntries(added)), mode & 0o777);
    } catch (failure) {
      throw fileError(failure, this.#original) ?? failure;
    }
  }
}

function engineKeys(document: Document): [key: string, value: unknown][] {
  return keysOfEngine.filter((key) => document.has(key)).map((key) => [key, document.get(key)]);
}

/** The text with keys more, at its end where that says the same: what is there stays as its operator wrote it, to the byte. */
function withKeys(text: string, document: Document, keys: Record<string, unknown>): string {
  const lineEnd = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = stringify(keys, { lineWidth: 0 }).replaceAll("\n", lineEnd);
  const longer = `${text}${text.endsWith("\n") ? "" : lineEnd}${lines}`;
  for (const [key, value] of Object.entries(keys)) document.set(key, value);
  const parsed = parseDocument(longer);
  const isSame = parsed.errors.length === 0 && JSON.stringify(parsed.toJS()) === JSON.stringify(document.toJS());
  return isSame ? longer : document.toString({ lineWidth: 0 });
}
