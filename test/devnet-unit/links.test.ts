import net from "node:net";
import { afterEach, expect, test } from "vitest";
import { addressesOf } from "../../devnet/addresses.ts";
import { Links } from "../../devnet/network/links.ts";

const port = 50_001;
// A k of this process's own, so that a devnet beside the tests is not in the way.
const addresses = addressesOf(200 + (process.pid % 54));
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function core(party: number): Promise<{ seen: string[]; close(): Promise<void> }> {
  const seen: string[] = [];
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {});
    seen.push(socket.remoteAddress ?? "");
    socket.on("data", (data) => socket.write(`party ${party} got ${data}`));
  });
  await new Promise<void>((resolve) => server.listen(port, addresses.core(party), resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  closers.push(close);
  return { seen, close };
}

function network(parties: number[]): Links {
  const links = new Links(addresses, port, parties);
  closers.push(() => links.close());
  links.start();
  return links;
}

/** What a peer meets: the answer, or the error's code, or `silence`. */
async function ask(from: number, to: number, patienceMs = 600): Promise<string> {
  const socket = net.connect({ host: addresses.link(from, to), port });
  try {
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve("silence"), patienceMs);
      const end = (text: string) => {
        clearTimeout(timer);
        resolve(text);
      };
      socket.once("connect", () => socket.write("hello"));
      socket.once("data", (data) => end(String(data)));
      socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    });
  } finally {
    socket.destroy();
  }
}

test("a link carries bytes, and the core sees the peer's own address", async () => {
  const { seen } = await core(2);
  const links = network([1, 2]);
  await links.refresh();
  expect(await ask(1, 2)).toBe("party 2 got hello");
  expect(seen).toEqual([addresses.core(1)]);
});

test("a link to a dead core refuses", async () => {
  const { close } = await core(2);
  const links = network([1, 2]);
  await links.refresh();
  expect(await ask(1, 2)).toBe("party 2 got hello");
  await close();
  await links.refresh();
  expect(await ask(1, 2)).toBe("ECONNREFUSED");
});

test("a cut link is silent to new connections and to old ones, and the other direction goes on", async () => {
  await core(1);
  await core(2);
  const links = network([1, 2]);
  await links.refresh();
  const old = net.connect({ host: addresses.link(1, 2), port });
  closers.push(() => old.destroy());
  old.on("error", () => {});
  const received: string[] = [];
  old.on("data", (data) => received.push(String(data)));
  old.write("one");
  await expect.poll(() => received).toEqual(["party 2 got one"]);

  await links.link(1, 2)?.setFault({ kind: "cut" });
  old.write("two");
  // The kernel's own time-out ends an attempt after a second where SYNs are not repeated; both are silence.
  expect(["silence", "ETIMEDOUT"]).toContain(await ask(1, 2));
  expect(received).toEqual(["party 2 got one"]);
  expect(await ask(2, 1)).toBe("party 1 got hello");

  await links.heal();
  expect(await ask(1, 2)).toBe("party 2 got hello");
  await expect.poll(() => old.destroyed).toBe(true);
});

test("all links of a network of 13 can be cut at once", async () => {
  const parties = Array.from({ length: 13 }, (_, index) => index + 1);
  await core(1);
  const links = network(parties);
  await links.refresh();
  await Promise.all(parties.slice(1).map((party) => links.link(party, 1)?.setFault({ kind: "cut" })));
  const answers = await Promise.all(parties.slice(1).map((party) => ask(party, 1)));
  expect(answers.filter((answer) => answer !== "silence" && answer !== "ETIMEDOUT")).toEqual([]);
});

test("a reset link resets", async () => {
  await core(2);
  const links = network([1, 2]);
  await links.refresh();
  await links.link(1, 2)?.setFault({ kind: "reset" });
  expect(await ask(1, 2)).toBe("ECONNRESET");
});

test("a slow link delays what is sent over it", async () => {
  await core(2);
  const links = network([1, 2]);
  await links.refresh();
  await links.link(1, 2)?.setFault({ kind: "slow", ms: 200 });
  const start = performance.now();
  expect(await ask(1, 2)).toBe("party 2 got hello");
  expect(performance.now() - start).toBeGreaterThan(190);
});

test("a cut outlives the core behind it", async () => {
  const { close } = await core(2);
  const links = network([1, 2]);
  await links.refresh();
  await links.link(1, 2)?.setFault({ kind: "cut" });
  await close();
  await links.refresh();
  expect(["silence", "ETIMEDOUT"]).toContain(await ask(1, 2));
  await links.heal();
  expect(await ask(1, 2)).toBe("ECONNREFUSED");
});
