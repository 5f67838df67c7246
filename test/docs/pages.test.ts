import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { commands } from "../../bin/command-table.mjs";
import { pathCodes } from "../../contract/probe.ts";
import { ValidateReport } from "../../contract/validate-report.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { layersIn } from "../../tools/layers.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFile(join(root, path), "utf8");

/** The first cells of all table rows of a page whose first cell is code. */
function keys(page: string): string[] {
  return [...page.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1] ?? "");
}

async function markdownFiles(): Promise<string[]> {
  const inFolder = async (folder: string) =>
    (await readdir(join(root, folder))).filter((name) => name.endsWith(".md")).map((name) => join(folder, name));
  return [...(await inFolder(".")), ...(await inFolder("docs")), ...(await inFolder("docs/runbooks"))];
}

/** The anchors that a page's headings make. */
function anchors(page: string): string[] {
  return [...page.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("every relative link in a page leads somewhere", async () => {
  const dead: string[] = [];
  for (const file of await markdownFiles())
    for (const [, target = ""] of (await read(file)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const linked = path === "" ? file : join(dirname(file), path);
      if (!existsSync(join(root, linked))) dead.push(`${file}: ${target}`);
      else if (anchor !== undefined && !anchors(await read(linked)).includes(anchor)) dead.push(`${file}: ${target}`);
    }
  expect(dead).toEqual([]);
});

test("every page can be reached from the README", async () => {
  const seen = new Set<string>();
  const follow = async (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, target = ""] of (await read(file)).matchAll(/\]\(([^)\s#]+\.md)\b/g))
      if (!/^[a-z]+:/.test(target)) await follow(join(dirname(file), target));
  };
  await follow("README.md");
  expect((await markdownFiles()).filter((file) => !seen.has(file))).toEqual([]);
});

test("docs/validate.md has every finding, every ending of a path, every exit code and every field of the report", async () => {
  const page = await read("docs/validate.md");
  const words = await read("runbooks/network/findings.ts");
  const causes = /export interface Cause \{\n {2}code:([^;]+);/.exec(await read("runbooks/network/link.ts"))?.[1] ?? "";
  const codes = new Set(
    [...causes.matchAll(/"([A-Z_]+)"/g), ...words.matchAll(/code: "([A-Z_]+)"/g)].map(([, code]) => code),
  );
  expect(codes.size).toBeGreaterThan(14);
  const written = keys(page).filter((key) => /^[A-Z_]+$/.test(key));
  expect(written.toSorted()).toEqual([...codes, ...pathCodes].toSorted());
  const numbers = [...page.matchAll(/^\| (\d+) \|/gm)].map((match) => Number(match[1]));
  expect(numbers.toSorted()).toEqual(Object.values(exitCodes).toSorted());
  for (const field of Object.keys(ValidateReport.shape)) expect(page).toContain(`\`${field}\``);
});

test("a code is either an error's or what a validation finds, and means one thing", async () => {
  const errors = keys(await read("docs/errors.md")).filter((key) => /^[A-Z_]+$/.test(key));
  expect(keys(await read("docs/validate.md")).filter((key) => errors.includes(key))).toEqual([]);
});

test("every command that an operator is told to type begins with npx", async () => {
  const typed = new RegExp(`(?<!npx |[\\w/.:-])quorate (${Object.keys(commands).join("|")}|--help)\\b`);
  const sources = layersIn(root).map(async (layer) => {
    const names = await readdir(join(root, layer), { recursive: true });
    return names.filter((name) => /\.(ts|mjs|yaml)$/.test(name)).map((name) => join(layer, name));
  });
  const bare: string[] = [];
  for (const file of [...(await Promise.all(sources)).flat(), ...(await markdownFiles())])
    for (const line of (await read(file)).split("\n")) {
      // Comments speak of commands, and these two are names of other things.
      if (/^\s*(\/\/|\/?\*|#)|zoneName =|<testsuites name=/.test(line)) continue;
      if (typed.test(line)) bare.push(`${file}: ${line.trim()}`);
    }
  expect(bare).toEqual([]);
});
