import type { PrivateWay } from "../cloud/private-ways.ts";
import type { PrivateWayState } from "../network/links.ts";
import { askCloudAtLarge } from "./cloud-program.ts";
import type { DevnetdConfig } from "./config.ts";

const pauseMs = 500;

/** What PrivateLink carries between the parties, by the simulated cloud's own records: states of endpoints, rules of security groups. */
export class PrivateNetwork {
  readonly #config: DevnetdConfig;
  readonly #log: (text: string) => void;
  /** By `from→to`; of several endpoints to one peer any may be open. */
  #ways = new Map<string, boolean>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #lastFailure = "";

  constructor(config: DevnetdConfig, log: (text: string) => void) {
    this.#config = config;
    this.#log = log;
  }

  /** Whether what a party sends to a peer passes its endpoint; yes where there is none, whose address nobody learns. */
  readonly state: PrivateWayState = (from, to) => this.#ways.get(`${from}→${to}`) ?? true;

  start(): void {
    this.#timer = setTimeout(async () => {
      try {
        await this.look();
        this.#lastFailure = "";
      } catch (error) {
        const text = `endpoints: ${(error as Error).message}`;
        if (text !== this.#lastFailure) this.#log(text);
        this.#lastFailure = text;
      }
      if (!this.#isStopped) this.start();
    }, pauseMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Asks the cloud now. */
  async look(): Promise<void> {
    const answer = await askCloudAtLarge(this.#config, `private-ways/${this.#config.ports.peer}`);
    const ways = new Map<string, boolean>();
    for (const { from, to, isOpen } of (answer as { ways: PrivateWay[] }).ways) {
      const key = `${from}→${to}`;
      ways.set(key, isOpen || ways.get(key) === true);
    }
    this.#ways = ways;
  }
}
