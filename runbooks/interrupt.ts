const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** One Ctrl-C comes more than once: from the terminal to all its processes, and from npx or a launcher that passes on what it got. */
const sameMs = 1_000;

/**
 * An abort signal for Ctrl-C, TERM and a terminal that is closed: the first asks the work to stop and be recorded, another one, a second or more
 * later, ends the process at once.
 */
export function interruptSignal(): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  let abortedAt = Number.NEGATIVE_INFINITY;
  const leftMs = () => abortedAt + sameMs - performance.now();
  const stop = (name: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      abortedAt = performance.now();
      controller.abort(new Error(`stopped by ${name}`));
    } else if (leftMs() <= 0) {
      ignore();
      process.kill(process.pid, name);
    }
  };
  const ignore = () => {
    for (const name of signals) process.off(name, stop);
  };
  for (const name of signals) process.on(name, stop);
  return {
    signal: controller.signal,
    dispose() {
      // What is left of the same Ctrl-C would else end a process that is about to say how it went.
      if (leftMs() > 0) setTimeout(ignore, leftMs()).unref();
      else ignore();
    },
  };
}
