import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { OperatorError, Problem } from "../../contract/operator-error.ts";
import { createOperatorFolder } from "./operator-folder.ts";
import type { OrdinaryUser } from "./ordinary-user.ts";
import { runHere } from "./run-here.ts";
import type { Ended } from "./run-in.ts";

// No choice of whoever runs the tests is theirs.
const unchosen = { QUORATE_NETWORK: "", QUORATE_STACKS_DIR: "" };

const quorate = fileURLToPath(new URL("../../bin/quorate.mjs", import.meta.url));

/** An operator's folder in which commands are run that have to be refused. */
export class Operator implements AsyncDisposable {
  readonly folder: string;
  readonly #user: OrdinaryUser | undefined;

  private constructor(folder: string, user: OrdinaryUser | undefined) {
    this.folder = folder;
    this.#user = user;
  }

  static async create(user?: OrdinaryUser): Promise<Operator> {
    const folder = await createOperatorFolder(await mkdtemp(join(tmpdir(), "quorate-refusal-")));
    return new Operator(folder, user);
  }

  /** Of a network that stands on no devnet. */
  static async createOffDevnet(): Promise<Operator> {
    const operator = await Operator.create();
    const manifest = join(operator.folder, "stacks/networks/devnet.yaml");
    const text = await readFile(manifest, "utf8");
    await writeFile(manifest, text.replace("environment: devnet", "environment: testnet"));
    return operator;
  }

  /** As a process of its own. */
  async run(args: string[], env: Record<string, string> = {}): Promise<Ended> {
    const options = { cwd: this.folder, env: { ...process.env, ...unchosen, ...env } };
    return await new Promise((resolve) => {
      execFile(process.execPath, [quorate, ...args], options, (failure, stdout, stderr) =>
        resolve({ code: Number(failure?.code ?? 0), stdout, stderr }),
      );
    });
  }

  /** In this process, or in that of the user who may not pass over the rights of files. */
  async runHere(args: string[], more: Record<string, string> = {}): Promise<Ended> {
    const env = { ...unchosen, ...more };
    if (this.#user === undefined) return await runHere(this.folder, args, env);
    return await this.#user.run({ folder: this.folder, args, env });
  }

  async files(): Promise<string[]> {
    // Names alone would lead through links: into the checkout, and all that it has installed.
    const entries = await readdir(this.folder, { recursive: true, withFileTypes: true });
    return entries.map(({ parentPath, name }) => relative(this.folder, join(parentPath, name))).sort();
  }

  /** Runs a command that has to be refused: one error in four parts, exit code 2, not one file more than before. Gives back what it said. */
  async refused(code: string, args: string[], env: Record<string, string> = {}): Promise<string> {
    const before = await this.files();
    const ended = await this.runHere(args, env);
    expect({ ...ended, stderr: "" }, ended.stderr).toEqual({ code: 2, stdout: "", stderr: "" });
    const headers = ended.stderr.split("\n").filter((line) => /^[A-Z][A-Z_]+ {2}/.test(line));
    expect(headers).toHaveLength(1);
    // Work that was begun may have said so.
    expect(headers[0]?.startsWith(`${code}  `), ended.stderr).toBe(true);
    for (const part of ["found", "expected", "next"])
      expect(ended.stderr).toMatch(new RegExp(`^ {2}${part} +\\S`, "m"));
    expect(ended.stderr).not.toMatch(/^\s+at .*:\d+:\d+/m);
    expect(await this.files()).toEqual(before);
    return ended.stderr;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Also what a test has closed.
    spawnSync("chmod", ["-R", "u+rwX", this.folder]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The operator's error that something ends in; anything else fails the test. */
export async function problemOf(work: Promise<unknown>): Promise<Problem | undefined> {
  const failure = await work.then(
    () => undefined,
    (error: OperatorError) => error,
  );
  expect(failure?.name).toBe("OperatorError");
  return failure?.problem;
}
