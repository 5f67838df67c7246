import { afterAll, expect, vi } from "vitest";

// Files of one worker share their modules and their process. What a file stubs, spies on, fakes or has the program set for itself is
// undone when it ends: the next file would fail because of it or, worse, pass.
const directory = process.cwd();
const environment = { ...process.env };

afterAll(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  for (const name of Object.keys(process.env)) if (environment[name] === undefined) delete process.env[name];
  Object.assign(process.env, environment);
  expect(process.cwd()).toBe(directory);
});
