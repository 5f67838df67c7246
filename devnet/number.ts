import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import net from "node:net";
import { OperatorError } from "../contract/operator-error.ts";
import { type Addresses, addressesOf, ports } from "./addresses.ts";

const numbers = 254;
/** An address that no devnet has: a port that is taken here too is held on every address. */
const nobodysHost = "127.255.255.254";
/** How long a number that we had is waited for: to keep it keeps every address that was handed out. */
const patienceMs = 2_000;

interface Endpoint {
  host: string;
  port: number;
  protocol: "tcp" | "udp";
}

/** A number k of which every address is free: the preferred one if it can be, else the next from one that the folder's name gives. */
export async function findNumber(
  root: string,
  preferred: number | null,
  parties: readonly number[],
  corePorts: readonly number[],
  skip: ReadonlySet<number> = new Set(),
): Promise<number> {
  const first = (createHash("sha256").update(root).digest().readUInt16BE(0) % numbers) + 1;
  const candidates = new Set([
    ...(preferred === null ? [] : [preferred]),
    ...Array.from({ length: numbers }, (_, index) => ((first - 1 + index) % numbers) + 1),
  ]);
  for (const k of candidates) {
    if (skip.has(k)) continue;
    const endpoints = endpointsOf(addressesOf(k), parties, corePorts);
    const taken = await (k === preferred ? stillTaken(endpoints) : firstTaken(endpoints));
    if (taken === null) return k;
    if (!(await canListen({ ...taken, host: nobodysHost }))) throw portTaken(taken);
  }
  throw new OperatorError({
    code: "DEVNET_NUMBER_MISSING",
    what: "this machine has no room for another devnet",
    found: `something listens in each of 127.1.0.0/16 to 127.${numbers}.0.0/16`,
    expected: "one of them free",
    next: "end a devnet: npx quorate devnet down, in its project",
  });
}

function endpointsOf(addresses: Addresses, parties: readonly number[], corePorts: readonly number[]): Endpoint[] {
  const tcp = (host: string, port: number): Endpoint => ({ host, port, protocol: "tcp" });
  const [peerPort = 0] = corePorts;
  return [
    tcp(addresses.control, ports.control),
    tcp(addresses.etcd, ports.etcdClient),
    tcp(addresses.etcd, ports.etcdPeer),
    tcp(addresses.cloud, ports.cloud),
    ...parties.flatMap((party) => [
      ...[ports.apiServer, ports.controllerManager, ports.scheduler, ports.kubelet, ...corePorts].map((port) =>
        tcp(addresses.core(party), port),
      ),
      tcp(addresses.dns(party), ports.dns),
      { host: addresses.dns(party), port: ports.dns, protocol: "udp" as const },
      ...parties.flatMap((to) =>
        to === party
          ? []
          : [addresses.link(party, to), addresses.internet(party, to)].map((host) => tcp(host, peerPort)),
      ),
      tcp(addresses.internet(0, party), peerPort),
    ]),
  ];
}

/** The kernel closes the sockets of a killed process of many threads a little after the process is gone. */
async function stillTaken(endpoints: readonly Endpoint[]): Promise<Endpoint | null> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const taken = await firstTaken(endpoints);
    if (taken === null || Date.now() > deadline) return taken;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function firstTaken(endpoints: readonly Endpoint[]): Promise<Endpoint | null> {
  for (const endpoint of endpoints) if (!(await canListen(endpoint))) return endpoint;
  return null;
}

async function canListen({ host, port, protocol }: Endpoint): Promise<boolean> {
  try {
    await (protocol === "tcp" ? tryTcp(host, port) : tryUdp(host, port));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") return false;
    if (code === "EADDRNOTAVAIL")
      throw new OperatorError(
        {
          code: "LOOPBACK_MISSING",
          what: "a devnet needs all of 127.0.0.0/8 as loopback addresses",
          found: `${host} is not an address of this machine`,
          expected: "Linux, where all of them are",
          next: "run the devnet on Linux, or in a Linux container",
        },
        { cause: error },
      );
    throw error;
  }
}

function tryTcp(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}

function tryUdp(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    socket.once("error", reject);
    socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve()));
  });
}

function portTaken({ port, protocol }: Endpoint): OperatorError {
  const holder = holderOf(port, protocol);
  return new OperatorError({
    code: "PORT_TAKEN",
    what: `${protocol.toUpperCase()} port ${port} is taken on every loopback address`,
    found: holder === null ? "a process that this user may not see" : `process ${holder.pid}: ${holder.command}`,
    expected: `port ${port} free on 127.0.0.0/8`,
    next:
      holder === null
        ? `find out who listens on ${port}, and end it`
        : `end process ${holder.pid}, or have it listen elsewhere`,
  });
}

/** As the kernel writes the address that stands for all: of IPv4, and of both. */
const everyAddress = /^(0{8}|0{32}):/;

/** The process that listens on a port of all addresses, where the kernel tells. */
export function holderOf(port: number, protocol: "tcp" | "udp"): { pid: number; command: string } | null {
  if (process.platform !== "linux") return null;
  const portHex = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes = new Set<string>();
  for (const table of [protocol, `${protocol}6`])
    for (const line of readTable(`/proc/net/${table}`)) {
      const fields = line.trim().split(/\s+/);
      const [, local = "", , , , , , , , inode] = fields;
      if (everyAddress.test(local) && local.endsWith(`:${portHex}`) && inode !== undefined)
        inodes.add(`socket:[${inode}]`);
    }
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (Number.isInteger(pid) && holdsOne(pid, inodes))
      return { pid, command: readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim().slice(0, 120) };
  }
  return null;
}

function readTable(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n").slice(1);
  } catch (error) {
    // A kernel without IPv6 has no table of it.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function holdsOne(pid: number, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => {
      try {
        return inodes.has(readlinkSync(`/proc/${pid}/fd/${descriptor}`));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
        throw error;
      }
    });
  } catch (error) {
    // Gone meanwhile, or another user's.
    if (["ENOENT", "EACCES", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}
