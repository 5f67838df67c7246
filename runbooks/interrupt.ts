const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** An abort signal for Ctrl-C, TERM and a terminal that is closed: the first asks the work to stop and be recorded, the second ends the process at once. */
export function interruptSignal(): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      dispose();
      process.kill(process.pid, name);
    } else controller.abort(new Error(`stopped by ${name}`));
  };
  const dispose = () => {
    for (const name of signals) process.off(name, stop);
  };
  for (const name of signals) process.on(name, stop);
  return { signal: controller.signal, dispose };
}
