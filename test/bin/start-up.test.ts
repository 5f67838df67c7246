import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const command = fileURLToPath(new URL("../../bin/quorate.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "quorate-start-up-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Ends the process at the first module of the engine's SDK. */
const withoutEngine = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  registerHooks({
    resolve(name, context, next) {
      if (name.startsWith("@pulumi/")) throw new Error(context.parentURL + " loads " + name);
      return next(name, context);
    },
  });
`)}`;

test.each(["preview", "up", "outputs", "validate", "cards list", "devnet status"])(
  "%s reads what lies here before it loads the engine's SDK, which takes a second",
  async (typed) => {
    const child = spawn(process.execPath, ["--import", withoutEngine, command, ...typed.split(" ")], { cwd: folder });
    expect(await text(child.stderr)).toMatch(/^(PROJECT_MISSING|DEVNET_DOWN) {2}/);
  },
);
