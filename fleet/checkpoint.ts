import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fileError } from "../contract/file-error.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { projectName } from "../stacks/project.ts";

/** A resource as the engine keeps it in its state; the fields that we read. */
export interface StateResource {
  urn: string;
  type: string;
  id?: string;
  custom?: boolean;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  /** Why the provider holds it for unfinished; the next `up` mends it. */
  initErrors?: string[];
}

/** What of a stack's state is of interest here. Everything else in it passes through untouched. */
export interface StackState {
  resources?: StateResource[];
  /** What engines began and never finished: those that create stay until someone decides about them. */
  pending_operations?: { type: string; resource: StateResource }[];
}

/**
 * With a file backend the state lies on this disk: reading it takes milliseconds, where starting the engine's CLI takes half a second for each
 * party, which an incident does not have. Undefined where only the engine can tell: another backend, or a compressed checkpoint.
 */
export async function readCheckpoint(stackName: string): Promise<StackState | undefined> {
  const file = checkpointFile(stackName);
  if (file === undefined) return undefined;
  try {
    const { checkpoint } = JSON.parse(await readFile(file, "utf8")) as { checkpoint?: { latest?: StackState } };
    return checkpoint?.latest ?? {};
  } catch (failure) {
    if (failure instanceof SyntaxError) throw stateDamaged(stackName, file, failure);
    if ((failure as NodeJS.ErrnoException).code !== "ENOENT") throw fileError(failure, file) ?? failure;
    return existsSync(`${file}.gz`) ? undefined : {};
  }
}

function stateDamaged(stackName: string, file: string, cause: SyntaxError): OperatorError {
  return new OperatorError(
    {
      code: "STATE_DAMAGED",
      what: `the state of stack ${stackName} is not whole`,
      // Not the parser's words: they quote the state, and secrets may be in it.
      found: `${file} is not JSON to its end`,
      expected: "the state as the engine wrote it",
      next: `restore ${file} from your copy of the backend; what it was before may be in ${file}.bak`,
    },
    { cause },
  );
}

/** Whether the backend is a folder of this disk that has no checkpoint of the stack. */
export function lacksCheckpoint(stackName: string): boolean {
  const file = checkpointFile(stackName);
  return file !== undefined && !existsSync(file) && !existsSync(`${file}.gz`);
}

/** Names of all stacks that have a checkpoint; undefined where only the engine can tell. */
export async function checkpointNames(): Promise<string[] | undefined> {
  const folder = checkpointFolder();
  if (folder === undefined) return undefined;
  const files = await readdir(folder).catch((failure: NodeJS.ErrnoException) => {
    if (failure.code === "ENOENT") return [];
    throw fileError(failure, folder) ?? failure;
  });
  return [...new Set(files.flatMap((name) => /^(.+)\.json(?:\.gz)?$/.exec(name)?.[1] ?? []))];
}

function checkpointFile(stackName: string): string | undefined {
  const folder = checkpointFolder();
  return folder === undefined ? undefined : join(folder, `${stackName}.json`);
}

function checkpointFolder(): string | undefined {
  const backend = process.env.PULUMI_BACKEND_URL;
  if (!backend?.startsWith("file://")) return undefined;
  const [folder = ""] = backend.startsWith("file:///")
    ? [fileURLToPath(backend)]
    : backend.slice("file://".length).split("?");
  // `~`, and what is relative, the engine reads in its own way.
  return isAbsolute(folder) ? join(folder, ".pulumi", "stacks", projectName) : undefined;
}
