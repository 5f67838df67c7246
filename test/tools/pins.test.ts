import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { tools } from "../../tools/pins.mjs";

const modules = fileURLToPath(new URL("../../tools/modules", import.meta.url));

test.for(tools.map((tool) => [tool.name, tool] as const))(
  "%s is pinned to one version, in pins.mjs and in its Go module",
  ([, tool]) => {
    const goMod = readFileSync(join(modules, tool.module, "go.mod"), "utf8");
    const required = [...goMod.matchAll(/^\s*(?:require )?(\S+) v(\S+)(?: \/\/ indirect)?$/gm)]
      .filter(([, path]) => tool.package.startsWith(`${path}/`) || tool.package === path)
      .sort(([, a = ""], [, b = ""]) => b.length - a.length);
    expect(required[0]?.[2]).toBe(tool.version);
    expect(goMod).toContain(tool.package);
    for (const stamp of tool.stamps) expect(stamp).toMatch(new RegExp(`=v${tool.version}$`));
  },
);

test("every Go module is some tool's, with its checksums beside it", () => {
  expect(readdirSync(modules).sort()).toEqual([...new Set(tools.map((tool) => tool.module))].sort());
  for (const module of readdirSync(modules))
    expect(readdirSync(join(modules, module)).sort()).toEqual(["go.mod", "go.sum"]);
});

test("release addresses name the pinned version and differ by platform", () => {
  for (const tool of tools) {
    const [intel, arm] = (["amd64", "arm64"] as const).map((arch) => tool.release("linux", arch));
    if (typeof intel !== "object" || typeof arm !== "object") throw new Error(`${tool.name} has no release for Linux`);
    expect(intel.url).toContain(`v${tool.version}`);
    expect(intel.checksums).toContain(tool.version);
    expect(arm.url).not.toBe(intel.url);
  }
});

test("where a vendor has no release, the reason is given", () => {
  const server = tools.find((tool) => tool.name === "kube-apiserver");
  expect(server?.release("darwin", "arm64")).toBe("Kubernetes releases kube-apiserver for Linux only");
});
