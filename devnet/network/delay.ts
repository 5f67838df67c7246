import { Transform, type TransformCallback } from "node:stream";

/** What a long line carries at once: about TCP's own windows. */
const mostUnderWay = 4 * 2 ** 20;

/** Hands everything on after a delay, in order. As on a long line, others may be on their way meanwhile. */
export class Delay extends Transform {
  delayMs: number;
  readonly #underWay: Buffer[] = [];
  #bytes = 0;
  #lastDue = 0;
  #next: TransformCallback | undefined;
  #ended: TransformCallback | undefined;

  constructor(delayMs: number) {
    super();
    this.delayMs = delayMs;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.delayMs === 0 && this.#bytes === 0) {
      done(null, chunk);
      return;
    }
    // A delay that was made shorter lets nothing overtake.
    this.#lastDue = Math.max(this.#lastDue, performance.now() + this.delayMs);
    this.#underWay.push(chunk);
    this.#bytes += chunk.length;
    setTimeout(() => this.#arrive(), this.#lastDue - performance.now());
    if (this.#bytes < mostUnderWay) done();
    else this.#next = done;
  }

  override _flush(done: TransformCallback): void {
    if (this.#bytes === 0) done();
    else this.#ended = done;
  }

  /** The oldest, whichever timer it was: they are exact to the millisecond only. */
  #arrive(): void {
    const chunk = this.#underWay.shift();
    if (chunk === undefined || this.destroyed) return;
    this.#bytes -= chunk.length;
    this.push(chunk);
    const next = this.#next;
    this.#next = undefined;
    next?.();
    if (this.#bytes === 0) this.#ended?.();
  }
}
