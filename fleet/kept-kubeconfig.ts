import { stat } from "node:fs/promises";
import { tokenSeconds } from "./eks-token.ts";

/**
 * A party's kubeconfig for as long as a run takes, which may be longer than its token: it is written anew when half of the token's time is over,
 * when the file is gone, and when it could not be had the last time.
 */
export class KeptKubeconfig {
  readonly #write: () => Promise<string>;
  readonly #now: () => number;
  #current: { path: Promise<string>; at: number } | undefined;

  constructor(write: () => Promise<string>, now: () => number = Date.now) {
    this.#write = write;
    this.#now = now;
  }

  async path(): Promise<string> {
    const current = this.#current;
    if (current === undefined || this.#now() - current.at > (tokenSeconds / 2) * 1000) return await this.#renew();
    const path = await current.path;
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    // Who asks at the same moment may have renewed it already.
    return isThere || this.#current !== current ? await (this.#current ?? current).path : await this.#renew();
  }

  #renew(): Promise<string> {
    const renewed = { path: this.#write(), at: this.#now() };
    this.#current = renewed;
    renewed.path.catch(() => {
      if (this.#current === renewed) this.#current = undefined;
    });
    return renewed.path;
  }
}
