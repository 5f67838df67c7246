import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

// There are several workers, and many tests start processes: all of them load the same modules, compiled where Node keeps such things.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), "node-compile-cache");

const base = {
  setupFiles: ["test/support/leave-nothing.ts", "test/support/fail-on-console.ts", "test/support/pulumi-traces.ts"],
};

// Tried with fewer cases by `npm test` than where time is free.
const properties = ["prober/certificate", "runbooks/network/judge", "runbooks/run"].map(
  (name) => `test/${name}.test.ts`,
);

// Programs that Pulumi's engine asks for their resources, in the test's own process.
const engine = [
  "cloud/providers*",
  "fleet/interrupted-creates",
  "policies/engine",
  "stacks/last-deployment",
  "stacks/secret-hook",
].map((name) => `test/${name}.test.ts`);

// A hang, not slowness: many start processes, on machines that do other things too.
const patience = { testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    // Many tests wait for a process: one worker for each core, not one fewer.
    maxWorkers: "100%",
    projects: [
      {
        // Runbooks are loaded by their path, as Node does it.
        build: { dynamicImportVarsOptions: { exclude: [/\/bin\/commands\//] } },
        test: {
          ...base,
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: ["test/devnet/**", "test/soak/**", ...engine],
          // One world for all files of a worker: loading @pulumi/aws and the like anew for each file doubled the CPU time of test/components.
          isolate: false,
          ...patience,
        },
      },
      // Each in a world of its own: what mocks of another file leave behind would take resources in the engine's place, without a word.
      { test: { ...base, name: "engine", include: engine, ...patience } },
      {
        // Two devnets at a time: each waits more than it works, and has loopback addresses of its own.
        test: {
          ...base,
          name: "slow",
          include: ["test/devnet/**/*.test.ts"],
          maxWorkers: 2,
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
      {
        // For hours that are free: never part of `npm test`.
        test: {
          ...base,
          name: "soak",
          include: ["test/soak/**/*.test.ts", ...properties],
          env: { QUORATE_PROPERTY_RUNS: "all" },
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
