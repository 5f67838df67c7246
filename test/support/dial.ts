import net from "node:net";

/** What somebody meets who connects: a connection, the error's code, or `silence`. */
export async function dial(host: string, port: number, silenceMs = 1_000): Promise<string> {
  const socket = net.connect({ host, port });
  try {
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve("silence"), silenceMs);
      const end = (text: string) => {
        clearTimeout(timer);
        resolve(text);
      };
      socket.once("connect", () => end("connected"));
      socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    });
  } finally {
    socket.destroy();
  }
}
