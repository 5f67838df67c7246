import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const project = fileURLToPath(new URL("../..", import.meta.url));

interface Report {
  summary: { violations: { rule: { name: string }; from: string; to: string }[] };
}

/** What a tree of these files breaks: `<rule>: <from> -> <to>`. */
function broken(files: Record<string, string>): string[] {
  const dir = mkdtempSync(join(tmpdir(), "quorate-arrows-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    const { stdout, stderr } = spawnSync(
      join(project, "node_modules", ".bin", "depcruise"),
      ["--config", join(project, ".dependency-cruiser.cjs"), "--output-type", "json", "."],
      { cwd: dir, encoding: "utf8" },
    );
    if (!stdout.startsWith("{")) throw new Error(stderr);
    const { summary } = JSON.parse(stdout) as Report;
    return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const exporting = "export const x = 1;\n";
const importing = (path: string) => `export { x } from "${path}";\n`;

test("arrows that point the right way are fine", () => {
  expect(
    broken({
      "contract/a.ts": exporting,
      "components/b.ts": importing("../contract/a.ts"),
      "stacks/program.ts": importing("../components/b.ts"),
      "fleet/c.ts": importing("../stacks/program.ts"),
      "devnet/d.ts": importing("../contract/a.ts"),
      "bin/e.ts": `${importing("../devnet/d.ts")}${importing("../fleet/c.ts").replaceAll("x", "z")}`,
      "test/fleet/c.test.ts": importing("../../components/b.ts"),
    }),
  ).toEqual([]);
});

test("each wrong arrow is found, also when only a type travels on it, or when it is a late import", () => {
  const wrong = [
    ["contract", "components"],
    ["components", "stacks"],
    ["stacks", "test"],
    ["devnet", "stacks"],
    ["devnet", "runbooks"],
    ["runbooks", "devnet"],
    ["runbooks", "fleet"],
    ["fleet", "components"],
    ["policies", "contract"],
    ["tools", "contract"],
    ["bin", "components"],
  ] as const;
  const files: Record<string, string> = {
    "contract/type.ts": 'import type { X } from "../devnet/to.ts";\nexport type Y = X;\n',
    "contract/late.ts": 'export const late = () => import("../devnet/to.ts");\n',
    "devnet/to.ts": `${exporting}export type X = number;\n`,
  };
  for (const [from, to] of wrong) {
    files[`${from}/to-${to}.ts`] = importing(`../${to}/to.ts`);
    files[`${to}/to.ts`] ??= exporting;
  }
  const expected = [
    ...wrong.map(([from, to]) => `arrows-of-${from}: ${from}/to-${to}.ts -> ${to}/to.ts`),
    "arrows-of-contract: contract/type.ts -> devnet/to.ts",
    "arrows-of-contract: contract/late.ts -> devnet/to.ts",
  ];
  expect(broken(files).sort()).toEqual(expected.sort());
});

test("a cycle, and an import of the program's entry, are found", () => {
  const cycle = broken({
    "contract/a.ts": 'import { b } from "./b.ts";\nexport const a = () => b;\n',
    "contract/b.ts": 'import { a } from "./a.ts";\nexport const b = () => a;\n',
    "stacks/index.ts": exporting,
    "fleet/a.ts": importing("../stacks/index.ts"),
  });
  expect(cycle).toEqual(
    expect.arrayContaining([
      "no-cycles: contract/a.ts -> contract/b.ts",
      "program-entry-is-never-imported: fleet/a.ts -> stacks/index.ts",
    ]),
  );
});
