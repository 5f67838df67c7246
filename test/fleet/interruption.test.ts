import { expect, test } from "vitest";
import { engineStop, interrupted } from "../../fleet/interruption.ts";

const reason = (name: string) => new Error(`stopped by ${name}`);

test("a signal that comes before the engine runs reaches it as soon as it does", () => {
  const asked = new AbortController();
  const stop = engineStop(asked.signal, false);
  asked.abort(reason("SIGINT"));
  expect(stop.signal.aborted).toBe(false);
  stop.engineRuns();
  expect(stop.signal.aborted).toBe(true);
});

test("a signal that comes while the engine runs reaches it at once", () => {
  const asked = new AbortController();
  const stop = engineStop(asked.signal, false);
  stop.engineRuns();
  expect(stop.signal.aborted).toBe(false);
  asked.abort(reason("SIGTERM"));
  expect(stop.signal.aborted).toBe(true);
});

test("of a terminal's Ctrl-C the engine knows already, and a second one would end it at once", () => {
  for (const [name, reaches] of [
    ["SIGINT", false],
    ["SIGTERM", true],
    ["SIGHUP", true],
  ] as const) {
    const asked = new AbortController();
    const stop = engineStop(asked.signal, true);
    stop.engineRuns();
    asked.abort(reason(name));
    expect(stop.signal.aborted, name).toBe(reaches);
  }
});

test("whoever stopped it reads what was stopped, and how it goes on", () => {
  const asked = new AbortController();
  asked.abort(reason("SIGHUP"));
  const party = { partyId: 3, stackName: "party-3" } as Parameters<typeof interrupted>[1];
  expect(interrupted("up", party, asked.signal).render()).toMatchInlineSnapshot(`
    "INTERRUPTED  party 3: pulumi up of stack party-3 was stopped before its end
      found     stopped by SIGHUP
      expected  every change made; those that were are in the stack's state
      next      npx quorate up --party 3"
  `);
});
