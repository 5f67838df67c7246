import { Writable } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startProgress } from "../../tools/progress.mjs";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function screen(isTTY: boolean) {
  let text = "";
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY, columns: 80 }) as unknown as NodeJS.WriteStream, text: () => text };
}

async function build(isTTY: boolean, env: NodeJS.ProcessEnv): Promise<string> {
  const { stream, text } = screen(isTTY);
  const { step } = startProgress({ stream, env });
  const done = step("etcd 3.7.3", "building it", () => new Promise((resolve) => setTimeout(resolve, 65_000)));
  await vi.advanceTimersByTimeAsync(65_000);
  await done;
  return text();
}

const esc = "\u001b";

test("a log gets a line at the start, each half minute and at the end, without control characters", async () => {
  const lines = (await build(false, {})).trimEnd().split("\n");
  expect(lines.map((line) => line.replaceAll(/ +/g, " "))).toEqual([
    "set-up etcd 3.7.3 building it",
    "set-up etcd 3.7.3 building it 30 s",
    "set-up etcd 3.7.3 building it 60 s",
    "set-up etcd 3.7.3 building it: done 65 s",
  ]);
});

test("a terminal sees the seconds count on one line", async () => {
  const text = await build(true, {});
  expect(text.split("\n")).toHaveLength(2);
  expect(text).toContain("7 s");
  expect(text).toContain(`\r${esc}[2K`);
});

test("NO_COLOR takes the colour away, CI the drawing", async () => {
  expect(await build(true, { NO_COLOR: "1" })).not.toContain(`${esc}[2m`);
  expect(await build(true, { CI: "true" })).not.toContain(esc);
});

test("a step that fails says so and passes the error on", async () => {
  const { stream, text } = screen(false);
  const { step } = startProgress({ stream, env: {} });
  await expect(step("etcd 3.7.3", "building it", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(text()).toMatch(/building it: failed/);
});

test("a terminal of 80 columns is filled, and never wrapped", async () => {
  const { stream, text } = screen(true);
  const { step } = startProgress({ stream, env: { NO_COLOR: "1" } });
  const why = "npm ci (node_modules is not complete and a long reason follows)";
  const done = step("packages", why, () => new Promise((resolve) => setTimeout(resolve, 100_000)));
  await vi.advanceTimersByTimeAsync(99_500);
  const drawn = text().split(`\r${esc}[2K`).slice(1);
  await vi.advanceTimersByTimeAsync(500);
  await done;
  for (const line of drawn) expect(line.length).toBeLessThan(80);
  expect(Math.max(...drawn.map((line) => line.length))).toBe(79);
  expect(drawn.at(-1)).toMatch(/npm ci \(node_modules is not complete .*… {2}\d+ s$/);
});
