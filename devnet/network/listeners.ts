import { closeSync, openSync, readSync } from "node:fs";
import net from "node:net";

const listenState = "0A";

/** Which of the given IPv4 hosts have a listener on the port, right now. */
export async function listenersOn(hosts: readonly string[], port: number): Promise<Set<string>> {
  const table = tcpTable();
  if (table !== null) return parseListeners(table, hosts, port);
  const open = await Promise.all(hosts.map(async (host) => ((await answers(host, port)) ? [host] : [])));
  return new Set(open.flat());
}

/** Whether the kernel's own table can be read; without it each look costs a connection. */
export const looksAreFree = process.platform === "linux";

/** Reads /proc/net/tcp: addresses are hexadecimal in the machine's byte order. */
export function parseListeners(table: string, hosts: readonly string[], port: number): Set<string> {
  const portHex = port.toString(16).toUpperCase().padStart(4, "0");
  const open = new Set<string>();
  for (const line of table.split("\n")) {
    const [, local, , state] = line.trim().split(/\s+/);
    if (state === listenState && local?.endsWith(`:${portHex}`)) open.add(local.slice(0, -5));
  }
  if (open.has("00000000")) return new Set(hosts);
  return new Set(hosts.filter((host) => open.has(hexOf(host))));
}

function hexOf(host: string): string {
  return host
    .split(".")
    .reverse()
    .map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, "0"))
    .join("");
}

const chunkBytes = 16 << 10;

/**
 * The listening part of the kernel's table, which comes first. The rest is not asked for: the kernel would walk a hash
 * table of hundreds of thousands of slots for it, ten times a second.
 */
function tcpTable(): string | null {
  if (!looksAreFree) return null;
  const descriptor = openSync("/proc/net/tcp", "r");
  try {
    const chunk = Buffer.alloc(chunkBytes);
    let table = "";
    for (;;) {
      const read = readSync(descriptor, chunk, 0, chunkBytes, null);
      table += chunk.toString("latin1", 0, read);
      const lastWhole = table.slice(0, table.lastIndexOf("\n")).split("\n").at(-1);
      if (read === 0 || lastWhole?.trim().split(/\s+/)[3] !== listenState) return table;
    }
  } finally {
    closeSync(descriptor);
  }
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: 500 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });
}
