import { expect, test } from "vitest";
import { demoEnding } from "../../bin/commands/demo.ts";
import { type WaitOptions, waitForCores, waitForStartingCores } from "../../bin/wait-for-cores.ts";
import type { DevnetStatus } from "../../devnet/devnet.ts";
import type { Fault } from "../../devnet/fault.ts";

type Core = DevnetStatus["parties"][number]["core"];

/** A devnet whose cores are as told, one look after the other. */
function devnet(looks: Core[][], faults: Fault[] = []): WaitOptions & { said: string[]; looked(): number } {
  const said: string[] = [];
  let count = 0;
  return {
    said,
    looked: () => count,
    seconds: 0.3,
    progress: (text) => void said.push(text),
    look: async () => {
      const cores = looks[Math.min(count++, looks.length - 1)] ?? [];
      const none = { pod: null, pid: null, bootId: null, detail: null, faults: [] };
      return { parties: cores.map((core, index) => ({ partyId: index + 1, core, ...none })), faults };
    },
  };
}

test("cores that come back are waited for, and told meanwhile", async () => {
  const one = devnet([
    ["serving", "starting"],
    ["serving", "serving"],
  ]);
  await waitForStartingCores(one);
  expect([one.looked(), one.said]).toEqual([2, ["waiting for the cores of party 2 (starting)"]]);
});

test("of a party that was never brought up no core is waited for, nor of one that a fault keeps down", async () => {
  const never = devnet([["absent", "absent"]]);
  await waitForStartingCores(never);
  const faulty = devnet([["serving", "down"]], [{ kind: "kill", party: 2 }]);
  await waitForCores(faulty);
  expect([never.looked(), faulty.looked()]).toEqual([1, 1]);
});

test("a core that does not come is an error to whoever needs it, and none to whoever only started the devnet", async () => {
  await expect(waitForCores(devnet([["starting"]]))).rejects.toThrow(/^CORES_NOT_SERVING/);
  await waitForStartingCores(devnet([["starting"]]));
});

test("a demo on a devnet with faults says which, and how to end them, not how to make another", () => {
  expect(demoEnding([])).toContain("next  npx quorate devnet fault cut 2 3");
  const ending = demoEnding([{ kind: "cut", from: 2, to: 3 }]);
  expect(ending).toContain("faults: cut 2→3\nnext  npx quorate devnet fault heal && npx quorate validate\n");
  expect(ending).not.toContain("fault cut");
});
