type Level = "INFO" | "WARN" | "ERROR";

/**
 * What the core says, in the words and the form of the real one: the enclave's output goes to standard error, which container
 * kms-core-enclave-logger shows. Never anything secret: what stands here can be read by whoever may read the pod's log.
 */
export class CoreSpeech {
  readonly #now: () => Date;

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
  }

  /** A line of kms-server: `tracing`'s full format with thread, target and place in the source. */
  server(level: Level, place: string, message: string): void {
    this.#traced("kms_server", level, place, message);
  }

  /** A line of another module of kms-server. */
  module(target: string, level: Level, place: string, message: string): void {
    this.#traced(target, level, place, message);
  }

  /** A line of the script that is the enclave's first process. */
  script(message: string): void {
    this.raw(`init_enclave: ${message}`);
  }

  raw(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** What init container kms-core-init-load-env prints. */
  init(text: string): void {
    for (const line of text.split("\n")) tell({ init: line });
  }

  #traced(target: string, level: Level, place: string, message: string): void {
    const time = this.#now().toISOString().replace(/Z$/, "000Z");
    this.raw(`${time} ${level.padStart(5)} main ThreadId(01) ${target}: ${place}: ${message}`);
  }
}

/** What a node's process tells whoever started it, as JSON lines on standard output. */
export type NodeEvent =
  /** It serves. */
  | { ready: true; bootId: string }
  /** Why it does not serve yet. */
  | { held: string }
  /** A line of the pod's init container. */
  | { init: string }
  /** It begins anew, as another pod would: what it said before is the log of the run before. */
  | { again: true }
  /** It has read its configuration again, and does what that says. */
  | { reread: true };

export function tell(event: NodeEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}
