import { commands } from "../../bin/command-table.mjs";
import { main } from "../../bin/main.ts";
import type { Ended } from "./run-in.ts";

/**
 * Runs one command as a process of its own would, without the second that one takes to start. One at a time: folder, environment and output
 * belong to this process. What is said before a command begins, signals, closed pipes and the rights of files need a process.
 */
export async function runHere(
  folder: string,
  [name = "", ...args]: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  if (!Object.hasOwn(commands, name)) throw new Error(`${name} is no command: bin/quorate.mjs answers it`);
  const before = { folder: process.cwd(), environment: { ...process.env } };
  const [stdout, restoreStdout] = captured(process.stdout);
  const [stderr, restoreStderr] = captured(process.stderr);
  try {
    process.chdir(folder);
    Object.assign(process.env, env);
    const code = await main(name, [...args]);
    return { code, stdout: stdout.join(""), stderr: stderr.join("") };
  } finally {
    restoreStdout();
    restoreStderr();
    for (const key of Object.keys(process.env)) if (before.environment[key] === undefined) delete process.env[key];
    Object.assign(process.env, before.environment);
    process.chdir(before.folder);
  }
}

function captured(stream: NodeJS.WriteStream): [written: string[], restore: () => void] {
  const written: string[] = [];
  const write = stream.write;
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    written.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString());
    const done = rest.at(-1);
    if (typeof done === "function") done();
    return true;
  };
  return [
    written,
    () => {
      stream.write = write;
    },
  ];
}
