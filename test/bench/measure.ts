import { spawn } from "node:child_process";
import { once } from "node:events";

/** One run of a command: seconds of the clock, and of the processors for it and everything that it started and waited for. */
export interface Run {
  wall: number;
  cpu: number;
  code: number;
}

/** Runs a command to its end with its output thrown away. The shell's `times` counts all descendants that were waited for. */
export async function measure(
  command: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Run> {
  const started = performance.now();
  const script = '"$@" >/dev/null 2>&1; code=$?; times >&3; exit $code';
  const shell = spawn("bash", ["-c", script, "bash", ...command], {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  let times = "";
  shell.stdio[3]?.on("data", (chunk: Buffer) => {
    times += chunk.toString();
  });
  const [code] = (await once(shell, "close")) as [number];
  const wall = (performance.now() - started) / 1000;
  const children = times.trim().split("\n").at(-1) ?? "";
  const cpu = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  );
  return { wall, cpu, code };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? high) + high) / 2;
}

/** Half of the distance between smallest and largest, relative to the median: how noisy the machine was. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / 2 / median(values);
}
