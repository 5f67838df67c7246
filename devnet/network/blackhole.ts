import net from "node:net";
import { Worker } from "node:worker_threads";

/** A connection that is not there after this long met a full queue: on loopback it takes well under a millisecond. */
const silenceMs = 250;
/** The kernel queues one more than the backlog; some more in case that differs. */
const mostFillers = 8;

/** An address on which connection attempts meet silence. */
export interface Blackhole {
  close(): Promise<void>;
}

/** Listens without ever accepting, fills the queue, and resolves once a further attempt really gets no answer. */
export async function openBlackhole(host: string, port: number): Promise<Blackhole> {
  const worker = new Worker(new URL("./blackhole-worker.ts", import.meta.url), { workerData: { host, port } });
  const fillers: net.Socket[] = [];
  const close = async () => {
    // The thread first: with the queue still full, nobody gets a connection that is then reset.
    await worker.terminate();
    for (const filler of fillers) filler.destroy();
  };
  try {
    await listening(worker);
    for (;;) {
      const filler = await connectWithin(host, port, silenceMs);
      if (filler === null) return { close };
      fillers.push(filler);
      if (fillers.length > mostFillers) throw new Error(`${host}:${port} goes on answering with a full queue`);
    }
  } catch (error) {
    await close();
    throw error;
  }
}

function listening(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("message", (message: { listening?: true; error?: string }) => {
      if (message.listening) resolve();
      else reject(Object.assign(new Error(`cannot listen: ${message.error}`), { code: message.error }));
    });
  });
}

async function connectWithin(host: string, port: number, timeoutMs: number): Promise<net.Socket | null> {
  const socket = net.connect({ host, port });
  return await new Promise((resolve, reject) => {
    const none = () => {
      socket.destroy();
      resolve(null);
    };
    // In a process that was busy for as long, timers come before connections that are there already: those are looked at first.
    let late: NodeJS.Immediate | undefined;
    const timer = setTimeout(() => {
      late = setImmediate(none);
    }, timeoutMs);
    const stop = () => {
      clearTimeout(timer);
      clearImmediate(late);
    };
    socket.once("connect", () => {
      stop();
      // Nothing is ever said on it; when the listener goes it is reset.
      socket.on("error", () => {});
      resolve(socket);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      stop();
      if (error.code === "ETIMEDOUT") resolve(null);
      else reject(error);
    });
  });
}
