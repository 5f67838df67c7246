import { afterEach, beforeEach, vi } from "vitest";

// Output that nobody asked for hides the output that matters: a test that prints fails. Code that is meant to print is
// given a stream. Unhandled rejections need nothing here: vitest itself fails the run for them.
const methods = ["log", "info", "warn", "error", "debug", "trace", "dir", "table"] as const;
let printed: string[] = [];

beforeEach(() => {
  printed = [];
  for (const method of methods)
    vi.spyOn(console, method).mockImplementation((...args: unknown[]) => {
      printed.push(`console.${method}(${args.map(String).join(", ")})`);
    });
});

afterEach(() => {
  for (const method of methods) vi.mocked(console[method]).mockRestore();
  if (printed.length > 0) throw new Error(`the test printed:\n${printed.join("\n")}`);
});
