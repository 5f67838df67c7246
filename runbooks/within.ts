import { setTimeout as sleep } from "node:timers/promises";

/** The answer, or an error that none came in time. Whoever is late is left behind. */
export async function within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
  const answered = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: answered.signal }).then(() => {
    throw new Error(`no answer within ${timeoutMs / 1000} s`);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    // The loser is left behind: an aborted sleep rejects too.
    late.catch(() => {});
    answered.abort();
  }
}
