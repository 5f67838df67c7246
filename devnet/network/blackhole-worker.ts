import net from "node:net";
import { parentPort, workerData } from "node:worker_threads";

// A listener that never accepts: the event loop of this thread stands still from the moment that it listens, so the
// kernel's short queue fills and every further SYN is dropped, as on a path that is cut.
const { host, port } = workerData as { host: string; port: number };
const server = net.createServer();
server.once("error", (error: NodeJS.ErrnoException) => {
  parentPort?.postMessage({ error: error.code ?? error.message });
});
server.listen({ host, port, backlog: 1 }, () => {
  parentPort?.postMessage({ listening: true });
  // Until the thread is terminated, which closes the listener.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
