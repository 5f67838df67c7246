import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

// The tarball as it would be published, unpacked where npm would put it, with links to the declared dependencies and to no others:
// one that is used and not declared is missing here, as it would be for an operator.
const checkout = fileURLToPath(new URL("../..", import.meta.url));
let folder: string;
let packed: string;

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

async function run(command: string, args: string[], cwd: string): Promise<Ended> {
  // Nothing of the checkout is on PATH: the package has to find its tools itself.
  const path = (process.env.PATH ?? "").split(":").filter((entry) => !entry.startsWith(checkout));
  return await new Promise((resolve) => {
    execFile(
      command,
      args,
      { cwd, env: { ...process.env, NO_COLOR: "1", PATH: path.join(":") }, maxBuffer: 32 << 20 },
      (failure, stdout, stderr) => resolve({ code: failure ? Number(failure.code ?? 1) : 0, stdout, stderr }),
    );
  });
}

const quorate = async (...args: string[]) =>
  await run(process.execPath, [join(packed, "bin/quorate.mjs"), ...args], folder);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "quorate-package-"));
  packed = join(folder, "node_modules", "quorate");
  const tarball = await run("npm", ["pack", "--silent", "--pack-destination", folder], checkout);
  expect(tarball).toMatchObject({ code: 0 });
  await mkdir(packed, { recursive: true });
  const file = (await readdir(folder)).find((name) => name.endsWith(".tgz"));
  expect(
    await run("tar", ["-xzf", join(folder, String(file)), "--strip-components=1", "-C", packed], folder),
  ).toMatchObject({ code: 0 });
  const { dependencies } = JSON.parse(await readFile(join(packed, "package.json"), "utf8")) as { dependencies: object };
  for (const name of Object.keys(dependencies)) {
    const link = join(folder, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(checkout, "node_modules", name), link);
  }
  await writeFile(join(folder, "package.json"), '{ "name": "operator", "private": true }\n');
  await mkdir(join(folder, "stacks/networks"), { recursive: true });
  // The other parties are elsewhere.
  await cp(join(checkout, "stacks/Pulumi.party-1.yaml"), join(folder, "stacks/Pulumi.party-1.yaml"));
  const manifest = await readFile(join(checkout, "stacks/networks/devnet.yaml"), "utf8");
  await writeFile(
    join(folder, "stacks/networks/devnet.yaml"),
    manifest.replace("../../devnet/charts", "../../node_modules/quorate/dist/devnet/charts"),
  );
});

afterAll(async () => {
  await quorate("devnet", "down");
  await rm(folder, { recursive: true, force: true });
});

test("the package holds what is compiled, and neither sources nor tests", async () => {
  const files = await readdir(packed, { recursive: true });
  expect(files.filter((name) => name.endsWith(".ts") || name.split("/").includes("test"))).toEqual([]);
});

test("the machine's own Node may be older: the command starts the one that the package brings", async () => {
  const bin = await readFile(join(packed, "bin/quorate.mjs"), "utf8");
  // What a Node without the export would fail on before the first line runs.
  expect(bin).not.toMatch(/import \{[^}]*enableCompileCache/);
  const { dependencies } = JSON.parse(await readFile(join(packed, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  expect(dependencies.node).toMatch(/^24\./);
});

test("set-up provides the tools beside the package", async () => {
  expect(await quorate("setup")).toMatchObject({ code: 0 });
  const { stdout } = await quorate("tools", "--format", "json");
  const { tools } = JSON.parse(stdout) as { tools: { name: string; from: string | null }[] };
  expect(tools.filter((tool) => tool.from === null)).toEqual([]);
});

test("a party is previewed against a devnet, all from the package", async () => {
  const up = await quorate("devnet", "up");
  expect(up, up.stderr).toMatchObject({ code: 0 });
  const preview = await quorate("preview", "--party", "1", "--format", "json");
  expect(preview, preview.stderr).toMatchObject({ code: 0 });
  const { parties } = JSON.parse(preview.stdout) as { parties: { partyId: number; resources: { type: string }[] }[] };
  expect(parties).toMatchObject([{ partyId: 1 }]);
  const types = parties[0]?.resources.map(({ type }) => type);
  for (const type of ["aws:kms/key:Key", "kubernetes:helm.sh/v3:Release", "quorate:zama-kms:CoreRelease"])
    expect(types).toContain(type);
});
