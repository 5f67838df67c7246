import { mkdir, mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Bundle } from "../../bin/bundle.ts";

test("what a killed collection left is removed once no living one can be at it, and nothing else", async () => {
  const folder = await mkdtemp(join(tmpdir(), "quorate-bundle-"));
  try {
    for (const name of [".quorate-collect-old", ".quorate-collect-now", "kept"]) await mkdir(join(folder, name));
    const before = new Date(Date.now() - 2 * 86_400_000);
    for (const name of [".quorate-collect-old", "kept"]) await utimes(join(folder, name), before, before);
    {
      await using _bundle = await Bundle.begin(folder, "quorate-collect-devnet", (value) => value);
      expect(await readdir(folder)).toHaveLength(3);
    }
    expect((await readdir(folder)).sort()).toEqual([".quorate-collect-now", "kept"]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
