import { expect, test, vi } from "vitest";
import { untilActive } from "../../stacks/balancer-wait.ts";

const arns = ["arn:a", "arn:b"];
const fast = { pauseMs: 1, timeoutMs: 50 };

test("waits for every load balancer, and not for a part of one", async () => {
  const statesOf = vi
    .fn()
    .mockResolvedValueOnce(["provisioning", "active"])
    .mockResolvedValueOnce(["active", "provisioning"])
    .mockResolvedValue(["active", "active_impaired"]);
  await untilActive(arns, { ...fast, timeoutMs: 5_000, statesOf });
  expect(statesOf).toHaveBeenCalledTimes(3);
});

test("one that failed is not waited for, and says what to look at", async () => {
  const statesOf = vi.fn().mockResolvedValue(["active", "failed"]);
  await expect(untilActive(arns, { ...fast, timeoutMs: 60_000, statesOf })).rejects.toThrow(
    /^BALANCER_NOT_ACTIVE[\s\S]*arn:b: failed[\s\S]*aws-load-balancer-controller/,
  );
  expect(statesOf).toHaveBeenCalledTimes(1);
});

test("one that never comes up ends the wait", async () => {
  const statesOf = async () => ["provisioning", "unknown"];
  await expect(untilActive(arns, { ...fast, statesOf })).rejects.toThrow(/arn:a: provisioning; arn:b: unknown/);
});
