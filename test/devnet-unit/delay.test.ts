import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Delay } from "../../devnet/network/delay.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

/** A line, and what has come out of it so far. */
function line(delayMs: number) {
  const delay = new Delay(delayMs);
  const arrived: string[] = [];
  delay.on("data", (chunk: Buffer) => void arrived.push(chunk.length > 9 ? `${chunk.length} bytes` : String(chunk)));
  delay.on("end", () => void arrived.push("end"));
  const pass = async (ms: number) => {
    await vi.advanceTimersByTimeAsync(ms);
    return arrived;
  };
  return { delay, arrived, pass };
}

test("all that is sent comes later by the delay, not one piece after the other", async () => {
  const { delay, pass } = line(200);
  for (const piece of ["a", "b", "c"]) delay.write(piece);
  expect(await pass(150)).toEqual([]);
  delay.end("d");
  expect(await pass(50)).toEqual(["a", "b", "c"]);
  expect(await pass(150)).toEqual(["a", "b", "c", "d", "end"]);
});

test("a delay that ends lets nothing overtake", async () => {
  const { delay, pass } = line(200);
  delay.write("a");
  await pass(1);
  delay.delayMs = 0;
  delay.write("b");
  expect(await pass(100)).toEqual([]);
  expect(await pass(100)).toEqual(["a", "b"]);
  delay.write("c");
  expect(await pass(0)).toEqual(["a", "b", "c"]);
});

test("a line holds so much and no more: who sends faster waits", async () => {
  const { delay, arrived, pass } = line(200);
  const piece = Buffer.alloc(2 ** 20);
  for (let sent = 0; sent < 6; sent += 1) delay.write(piece);
  await pass(200);
  expect(arrived).toHaveLength(4);
  expect(await pass(200)).toHaveLength(6);
});
