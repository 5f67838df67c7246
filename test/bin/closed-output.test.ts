import { spawn } from "node:child_process";
import { existsSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const quorate = fileURLToPath(new URL("../../bin/quorate.mjs", import.meta.url));

/** Runs a command whose reader of one stream is gone before it writes. */
async function withoutReader(stream: "stdout" | "stderr", args: string[]) {
  const child = spawn(process.execPath, [quorate, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  child[stream].destroy();
  return await ended(child, stream === "stdout" ? child.stderr : child.stdout);
}

async function ended(child: ReturnType<typeof spawn>, heard: NodeJS.ReadableStream) {
  let text = "";
  heard.on("data", (chunk) => (text += chunk));
  const code = await new Promise((resolve) => child.once("close", resolve));
  return { code, text };
}

test.each([[["--help"]], [["runbooks"]], [["tools"]]])(
  "%s to a reader that is gone ends well, without a word",
  async (args) => {
    expect(await withoutReader("stdout", args)).toEqual({ code: 0, text: "" });
  },
);

test("an error that nobody reads keeps its exit code", async () => {
  expect(await withoutReader("stderr", ["nonsense"])).toEqual({ code: 2, text: "" });
  expect(await withoutReader("stderr", ["preview", "--nonsense"])).toEqual({ code: 2, text: "" });
});

test.runIf(existsSync("/dev/full"))("a full disk under the output is an error", async () => {
  const full = openSync("/dev/full", "w");
  const child = spawn(process.execPath, [quorate, "runbooks"], { stdio: ["ignore", full, "pipe"] });
  if (child.stderr === null) throw new Error("no stderr");
  const { code, text } = await ended(child, child.stderr);
  expect(code).toBe(2);
  expect(text).toContain("FILE_UNUSABLE  the output can not be written\n  found     ENOSPC");
});
