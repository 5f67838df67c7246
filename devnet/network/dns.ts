import { createSocket, type Socket } from "node:dgram";
import net from "node:net";
import * as packet from "dns-packet";
import { lookUp, type Zone } from "./zone.ts";

/** Short, so that a repaired network is seen at once. */
const ttlSeconds = 1;

/** A DNS server of one party, on UDP and TCP. */
export interface DnsServer {
  close(): Promise<void>;
}

/** Serves a party's names. `zoneNow` is asked per query; when it fails, so does the query. */
export async function serveDns(host: string, port: number, zoneNow: () => Promise<Zone>): Promise<DnsServer> {
  const udp = await listenUdp(host, port, zoneNow);
  const tcp = await listenTcp(host, port, zoneNow);
  return {
    close: async () => {
      await new Promise<void>((resolve) => udp.close(() => resolve()));
      await tcp.close();
    },
  };
}

/** The answer packet to a query packet. */
export function answerQuery(query: packet.DecodedPacket, zone: Zone | null): packet.Packet {
  const question = query.questions?.[0];
  const base = { type: "response" as const, id: query.id ?? 0, questions: query.questions ?? [] };
  const flags = (rcode: number) =>
    packet.AUTHORITATIVE_ANSWER | ((query.flags ?? 0) & packet.RECURSION_DESIRED) | packet.RECURSION_AVAILABLE | rcode;
  if (zone === null) return { ...base, flags: flags(rcodes.serverFailure) };
  if (question === undefined) return { ...base, flags: flags(rcodes.formatError) };
  const records = lookUp(zone, question.name);
  if (records === null) return { ...base, flags: flags(rcodes.nameError) };
  const wanted = records.filter(({ type }) => type === "CNAME" || ["A", "ANY"].includes(question.type));
  // An alias to a name that is not there is an answer and an error at once (RFC 2308, 2.1).
  const last = records.at(-1);
  const isDangling = last?.type === "CNAME" && lookUp(zone, last.target) === null;
  return {
    ...base,
    flags: flags(isDangling ? rcodes.nameError : rcodes.noError),
    answers: wanted.map((record) =>
      record.type === "A"
        ? { type: "A", name: record.name, ttl: ttlSeconds, data: record.address }
        : { type: "CNAME", name: record.name, ttl: ttlSeconds, data: record.target },
    ),
  };
}

/** @see https://www.iana.org/assignments/dns-parameters/dns-parameters.xhtml#dns-parameters-6 */
const rcodes = { noError: 0, formatError: 1, serverFailure: 2, nameError: 3 } as const;

async function answerNow(query: packet.DecodedPacket, zoneNow: () => Promise<Zone>): Promise<packet.Packet> {
  try {
    return answerQuery(query, await zoneNow());
  } catch (error) {
    // Which name server ever said why? The log does.
    console.error(`DNS: ${(error as Error).message}`);
    return answerQuery(query, null);
  }
}

function listenUdp(host: string, port: number, zoneNow: () => Promise<Zone>): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.on("message", (message, from) => {
    const query = decoded(() => packet.decode(message));
    if (query === null) return;
    void answerNow(query, zoneNow).then((answer) =>
      socket.send(packet.encode(answer), from.port, from.address, () => {}),
    );
  });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address: host, port, exclusive: true }, () => resolve(socket));
  });
}

async function listenTcp(host: string, port: number, zoneNow: () => Promise<Zone>): Promise<DnsServer> {
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.setTimeout(5_000, () => socket.destroy());
    let received = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const message = received.subarray(0, end);
        received = received.subarray(end);
        const query = decoded(() => packet.streamDecode(message) as packet.DecodedPacket);
        if (query === null) return void socket.destroy();
        void answerNow(query, zoneNow).then((answer) => socket.write(packet.streamEncode(answer)));
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => resolve());
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

/** Null for what is no DNS message: whoever sends that gets no answer. */
function decoded(decode: () => packet.DecodedPacket): packet.DecodedPacket | null {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RangeError || error instanceof Error) return null;
    throw error;
  }
}
