import net from "node:net";
import { expect, test } from "vitest";
import { addressesOf } from "../../devnet/addresses.ts";
import { openBlackhole } from "../../devnet/network/blackhole.ts";

const port = 50_001;
const host = addressesOf(100 + (process.pid % 90)).internet(0, 9);

async function dial(): Promise<string> {
  const socket = net.connect({ host, port });
  try {
    return await new Promise((resolve) => {
      setTimeout(() => resolve("silence"), 500);
      socket.once("connect", () => resolve("connected"));
      socket.once("error", (error) => resolve(error.message));
    });
  } finally {
    socket.destroy();
  }
}

test("silence is silence from the start, also where the process is too busy to see connections in time", async () => {
  let isBusy = true;
  const work = () => {
    // Longer than silence is waited for, and between each look for connections and the timers after it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    if (isBusy) setImmediate(work);
  };
  setImmediate(work);
  const blackhole = await openBlackhole(host, port).finally(() => {
    isBusy = false;
  });
  try {
    expect(await Promise.all([dial(), dial()])).toEqual(["silence", "silence"]);
  } finally {
    await blackhole.close();
  }
});
