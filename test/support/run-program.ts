import { runtime } from "@pulumi/pulumi";
import { vi } from "vitest";
import { program } from "../../stacks/program.ts";
import type { KeysOf } from "../../stacks/secret-check.ts";
import { type MockStack, onMockStack } from "./mocks.ts";

const allThere: KeysOf = async () => [".dockerconfigjson"];

/** Runs the program of one stack as the engine does, with its configuration as text. The test undoes the environment and the configuration. */
export async function runProgramIn(
  stacksDir: string,
  config: object,
  keysOf = allThere,
  calls: Record<string, object> = {},
): Promise<MockStack<Record<string, unknown>>> {
  vi.stubEnv("QUORATE_STACKS_DIR", stacksDir);
  const asText = (value: unknown) => (typeof value === "object" ? JSON.stringify(value) : String(value));
  const entries = Object.entries(config).map(([key, value]) => [`quorate:${key}`, asText(value)]);
  return await onMockStack(
    async () => {
      runtime.setAllConfig(Object.fromEntries(entries));
      return await program(async () => keysOf);
    },
    { calls },
  );
}
