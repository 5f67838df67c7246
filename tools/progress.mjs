const tickMs = 1_000;
const heartbeatMs = 30_000;

/**
 * One line per step on stderr: what is done and why, and how long it has taken. A terminal sees the seconds count; a log
 * gets a line at the start, one each half minute, and one at the end.
 * @param {{ stream?: NodeJS.WriteStream, env?: NodeJS.ProcessEnv }} [options]
 */
export function startProgress({ stream = process.stderr, env = process.env } = {}) {
  const live = Boolean(stream.isTTY) && env.TERM !== "dumb" && !env.CI;
  const dim = (text) => (live && !env.NO_COLOR ? `\u001b[2m${text}\u001b[22m` : text);
  // Names stand in a column where there is room for what follows.
  const width = live && (stream.columns ?? 120) < 110 ? 24 : 32;
  const line = (name, text, seconds) =>
    `set-up  ${name.padEnd(width)} ${text}${seconds === undefined ? "" : dim(`  ${seconds} s`)}`;

  /**
   * @template T
   * @param {string} name
   * @param {string} text what is being done, and why
   * @param {(say: (text: string) => void) => Promise<T>} work
   */
  async function step(name, text, work) {
    const began = Date.now();
    const elapsed = () => Math.round((Date.now() - began) / 1000);
    let now = text;
    const draw = () => {
      // A line that wraps could not be drawn over.
      const seconds = elapsed();
      const taken = `set-up  ${name.padEnd(width)}   ${seconds} s`.length;
      const room = Math.max(10, (stream.columns ?? 120) - taken - 1);
      stream.write(`\r\u001b[2K${line(name, now.length > room ? `${now.slice(0, room - 1)}…` : now, seconds)}`);
    };
    if (live) draw();
    else stream.write(`${line(name, now)}\n`);
    const timer = setInterval(
      () => (live ? draw() : stream.write(`${line(name, now, elapsed())}\n`)),
      live ? tickMs : heartbeatMs,
    );
    try {
      const result = await work((said) => {
        now = said;
        if (live) draw();
      });
      stream.write(`${live ? "\r\u001b[2K" : ""}${line(name, `${now}: done`, elapsed())}\n`);
      return result;
    } catch (error) {
      stream.write(`${live ? "\r\u001b[2K" : ""}${line(name, `${now}: failed`, elapsed())}\n`);
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  return { step };
}
