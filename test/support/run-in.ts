import { execFile } from "node:child_process";

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program in a folder, and gives what it printed however it ended. */
export async function runIn(
  folder: string,
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  return await new Promise((resolve) => {
    execFile(
      program,
      args,
      { cwd: folder, env: { ...process.env, NO_COLOR: "1", ...env }, maxBuffer: 32 << 20 },
      (failure, stdout, stderr) => resolve({ code: failure ? Number(failure.code ?? 1) : 0, stdout, stderr }),
    );
  });
}
