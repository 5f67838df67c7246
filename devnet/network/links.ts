import net from "node:net";
import { PassThrough } from "node:stream";
import type { Addresses } from "../addresses.ts";
import { type Blackhole, openBlackhole } from "./blackhole.ts";
import { Delay } from "./delay.ts";
import { listenersOn, looksAreFree } from "./listeners.ts";

/** What one directed link does to those who use it. */
export type LinkFault = { kind: "cut" } | { kind: "slow"; ms: number } | { kind: "reset" };

/** What is behind a public address, for one who comes from another: no machine, a firewall that drops it, or the core. */
export type PublicWayState = (from: number, to: number) => "nobody" | "dropped" | "open";

/** Whether an endpoint of a party lets through what goes to a peer. Of a party without endpoints it says yes: nobody has their names. */
export type PrivateWayState = (from: number, to: number) => boolean;

const pollMs = looksAreFree ? 100 : 1_000;

/** What a link is: its ends, where it listens, where it leads. */
export interface LinkEnds {
  from: number;
  to: number;
  host: string;
  target: string;
  /** Address that the core sees. */
  source: string;
}

/**
 * One directed link i→j, the interface endpoint of i's network to j, or i's way to j's public address: a byte pipe to
 * j's core. It listens only while j's core does, so a dead core refuses connections as it would through a real endpoint
 * without targets.
 */
export class Link {
  readonly from: number;
  readonly to: number;
  readonly #ends: LinkEnds;
  readonly #port: number;
  #fault: LinkFault | null = null;
  /** Whether a firewall drops what comes this way. */
  #isDropped = false;
  #targetListens = false;
  #server: net.Server | undefined;
  #blackhole: Blackhole | undefined;
  readonly #pairs = new Set<Pair>();
  /** Changes of the listener one after another: each begins when the one before is done. */
  #change: Promise<void> = Promise.resolve();

  constructor(ends: LinkEnds, port: number) {
    this.#ends = ends;
    this.#port = port;
    this.from = ends.from;
    this.to = ends.to;
  }

  get fault(): LinkFault | null {
    return this.#fault;
  }

  /** Open pairs of connections, faulty ones included. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Resolves when the fault (or its end) is what a new connection meets. */
  setFault(fault: LinkFault | null): Promise<void> {
    this.#fault = fault;
    for (const pair of this.#pairs) pair.suffer(fault);
    return this.#settle();
  }

  setTargetListens(listens: boolean): Promise<void> {
    if (this.#targetListens === listens) return this.#change;
    this.#targetListens = listens;
    return this.#settle();
  }

  /** A firewall's rules are about new connections and open ones alike. */
  setDropped(dropped: boolean): Promise<void> {
    if (this.#isDropped === dropped) return this.#change;
    this.#isDropped = dropped;
    if (dropped) for (const pair of this.#pairs) pair.suffer({ kind: "cut" });
    return this.#settle();
  }

  async close(): Promise<void> {
    this.#fault = null;
    this.#isDropped = false;
    this.#targetListens = false;
    for (const pair of this.#pairs) pair.end();
    await this.#settle();
  }

  #settle(): Promise<void> {
    this.#change = this.#change.then(() => this.#apply());
    return this.#change;
  }

  async #apply(): Promise<void> {
    const { host } = this.#ends;
    const cut = this.#fault?.kind === "cut" || this.#isDropped;
    const listen = !cut && this.#targetListens;
    if (!listen && this.#server !== undefined) {
      const server = this.#server;
      this.#server = undefined;
      // Does not wait for open connections: the callback would.
      server.close();
    }
    if (!cut && this.#blackhole !== undefined) {
      await this.#blackhole.close();
      this.#blackhole = undefined;
    }
    if (cut) this.#blackhole ??= await openBlackhole(host, this.#port);
    if (listen && this.#server === undefined) this.#server = await this.#listen(host);
  }

  #listen(host: string): Promise<net.Server> {
    // Half-open, because a core may end its sending side and still read.
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port: this.#port }, () => resolve(server));
    });
  }

  #accept(client: net.Socket): void {
    if (this.#fault?.kind === "reset") {
      client.on("error", () => {});
      client.resetAndDestroy();
      return;
    }
    const core = net.connect({
      host: this.#ends.target,
      port: this.#port,
      // The core sees its peer where the peer is, not this machine at large.
      localAddress: this.#ends.source,
      allowHalfOpen: true,
      noDelay: true,
    });
    const pair = new Pair(client, core, this.#fault?.kind === "slow" ? this.#fault.ms : 0);
    this.#pairs.add(pair);
    core.once("close", () => this.#pairs.delete(pair));
  }
}

/** One connection through a link. */
class Pair {
  readonly #client: net.Socket;
  readonly #core: net.Socket;
  readonly #forth: Delay;
  #isCut = false;

  constructor(client: net.Socket, core: net.Socket, delayMs: number) {
    this.#client = client;
    this.#core = core;
    this.#forth = new Delay(delayMs);
    const reset = () => {
      if (!this.#isCut) this.end();
    };
    client.on("error", reset);
    core.on("error", reset);
    client.pipe(this.#forth).pipe(core);
    // The end of one side reaches the other as it was: an orderly one by `pipe`, a reset as a reset.
    const back = new PassThrough();
    core.pipe(back).pipe(client);
    client.once("close", () => {
      if (!this.#isCut) core.destroy();
    });
    core.once("close", () => client.destroySoon());
  }

  suffer(fault: LinkFault | null): void {
    if (fault?.kind === "cut") {
      // Packets no longer arrive, and nobody is told.
      this.#isCut = true;
      this.#client.pause();
      this.#client.unpipe();
      this.#core.pause();
      this.#core.unpipe();
      return;
    }
    // What was open across a cut has lost bytes, so it cannot go on.
    if (this.#isCut || fault?.kind === "reset") this.end();
    else this.#forth.delayMs = fault?.kind === "slow" ? fault.ms : 0;
  }

  end(): void {
    this.#client.resetAndDestroy();
    this.#core.resetAndDestroy();
  }
}

/** All directed links of a network, by endpoints and by public addresses, and the eye on which cores listen. */
export class Links {
  readonly #addresses: Addresses;
  readonly #port: number;
  readonly #parties: readonly number[];
  readonly #links = new Map<string, Link>();
  /** Ways to a public address, also of somebody who is no party: 0. */
  readonly #public = new Map<string, Link>();
  #publicWays: PublicWayState = () => "nobody";
  #privateWays: PrivateWayState = () => true;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(addresses: Addresses, port: number, parties: readonly number[]) {
    this.#addresses = addresses;
    this.#port = port;
    this.#parties = parties;
    for (const to of parties)
      for (const from of [0, ...parties]) {
        if (from === to) continue;
        const ends = { from, to, target: addresses.core(to), source: from === 0 ? "127.0.0.1" : addresses.core(from) };
        const key = `${from}→${to}`;
        if (from !== 0) this.#links.set(key, new Link({ ...ends, host: addresses.link(from, to) }, port));
        this.#public.set(key, new Link({ ...ends, host: addresses.internet(from, to) }, port));
      }
  }

  /** Tells what a connection to a public address meets there, from now on; asked at every look. */
  followPublicWays(state: PublicWayState): void {
    this.#publicWays = state;
  }

  /** Tells whether an endpoint carries anything, from now on; asked at every look. */
  followPrivateWays(isOpen: PrivateWayState): void {
    this.#privateWays = isOpen;
  }

  start(): void {
    const look = async () => {
      await this.refresh();
      if (!this.#isClosed) this.#timer = setTimeout(() => void look(), pollMs);
    };
    void look();
  }

  /** Looks which cores listen now; resolves when the links follow. */
  async refresh(): Promise<void> {
    const hosts = this.#parties.map((party) => this.#addresses.core(party));
    const open = await listenersOn(hosts, this.#port);
    if (this.#isClosed) return;
    const listens = (party: number) => open.has(this.#addresses.core(party));
    await Promise.all([
      ...[...this.#links.values()].map(async (link) => {
        await link.setTargetListens(listens(link.to));
        await link.setDropped(!this.#privateWays(link.from, link.to));
      }),
      ...[...this.#public.values()].map(async (link) => {
        const state = this.#publicWays(link.from, link.to);
        await link.setTargetListens(state === "open" && listens(link.to));
        await link.setDropped(state === "dropped");
      }),
    ]);
  }

  link(from: number, to: number): Link | undefined {
    return this.#links.get(`${from}→${to}`);
  }

  /** The fault is the link's whichever way its connections take. */
  async setFault(from: number, to: number, fault: LinkFault | null): Promise<void> {
    const key = `${from}→${to}`;
    const inUse = this.#publicWays(from, to) === "nobody" ? [] : [this.#public.get(key)];
    await Promise.all([this.#links.get(key), ...inUse].map((link) => link?.setFault(fault)));
  }

  faults(): { from: number; to: number; fault: LinkFault }[] {
    return [...this.#links.values()].flatMap(({ from, to, fault }) => (fault === null ? [] : [{ from, to, fault }]));
  }

  async heal(): Promise<void> {
    await Promise.all(this.#all().map((link) => link.setFault(null)));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#all().map((link) => link.close()));
  }

  #all(): Link[] {
    return [...this.#links.values(), ...this.#public.values()];
  }
}
