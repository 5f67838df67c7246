import { expect, test } from "vitest";
import { inWaves } from "../../fleet/waves.ts";

test("results come in the order of the items, whichever ends first", async () => {
  const results = await inWaves([30, 5, 15, 1], 2, async (ms) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return ms;
  });
  expect(results).toEqual([30, 5, 15, 1]);
});

test("never more at once than the width", async () => {
  let now = 0;
  let most = 0;
  await inWaves(Array.from({ length: 20 }), 4, async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setTimeout(resolve, 1));
    now--;
  });
  expect(most).toBe(4);
});

test("after a failure nothing new begins, and what runs is waited for", async () => {
  const ended: number[] = [];
  const act = inWaves([1, 2, 3, 4, 5], 2, async (item) => {
    if (item === 1) throw new Error("one failed");
    await new Promise((resolve) => setTimeout(resolve, 10));
    ended.push(item);
  });
  await expect(act).rejects.toThrow("one failed");
  expect(ended).toEqual([2]);
});
