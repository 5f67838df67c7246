import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tools } from "../../tools/pins.mjs";
import { checksumIn, platformOf, versionIn } from "../../tools/provide-tool.mjs";
import { listTools } from "../../tools/tool-list.mjs";
import { archive, Machine, sha256, Vendors } from "./machine.ts";

const { os, arch } = platformOf();
const pathOf = (url: string) => url.replace("https://", "");

/** Fills the vendors with a release of every tool, checksums as each of them publishes its own. */
function publish(vendors: Vendors): void {
  for (const tool of tools) {
    const release = tool.release("linux", arch);
    if (typeof release === "string") throw new Error(release);
    const file = release.url.split("/").at(-1) ?? "";
    const content = `#!/bin/sh\necho ${tool.name} v${tool.version}\n`;
    const body = release.member === undefined ? Buffer.from(content) : archive(release.member, content);
    vendors.files.set(pathOf(release.url), body);
    const sum = sha256(body);
    const published = release.checksums.includes("api.github.com")
      ? JSON.stringify({
          assets: [
            { name: "other", digest: `sha256:${sha256("")}` },
            { name: file, digest: `sha256:${sum}` },
          ],
        })
      : release.checksums.endsWith(".sha256")
        ? sum
        : `${sha256("other")}  other.tar.gz\n${sum}  ${file}\n`;
    vendors.files.set(pathOf(release.checksums), published);
  }
}

test.runIf(os === "linux")("without Go every tool comes from its vendor, checked, and is executable", async () => {
  using machine = new Machine();
  await using vendors = await Vendors.open();
  publish(vendors);
  const { code, stderr } = await machine.setUp({ QUORATE_RELEASE_BASE: vendors.base });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  expect(stderr).toContain("fetching the vendor's release (not on PATH; Go is not installed)");
  expect(listTools(machine.root).map(({ from }) => from)).toEqual(tools.map(() => "release"));
  expect(readFileSync(join(machine.root, ".tools", "bin", "helm"), "utf8")).toContain("helm v4.3.1");
});

test.runIf(os === "linux")("a download that is not what the vendor published is refused and thrown away", async () => {
  using machine = new Machine();
  await using vendors = await Vendors.open();
  publish(vendors);
  const etcd = [...vendors.files.keys()].find((path) => path.includes("etcd-v3.7.3")) ?? "";
  vendors.files.set(etcd, archive(`etcd-v3.7.3-linux-${arch}/etcd`, "evil"));
  const { code, stderr } = await machine.setUp({ QUORATE_RELEASE_BASE: vendors.base });
  expect(code).toBe(2);
  expect(stderr).toMatch(/TOOL_CHECKSUM {2}the download of etcd 3\.7\.3/);
  expect(stderr).toMatch(/found +SHA-256 [0-9a-f]{64}[\s\S]*expected +SHA-256 [0-9a-f]{64}[\s\S]*next /);
  expect(machine.cached()).toEqual(["pulumi-3.220.0"]);
  expect(existsSync(join(machine.root, ".tools", "bin", "etcd"))).toBe(false);
});

test.runIf(os === "linux")("redirects are followed, as vendors' download sites send them", async () => {
  using machine = new Machine();
  await using vendors = await Vendors.open();
  publish(vendors);
  const pulumi = [...vendors.files.keys()].find((path) => path.includes("pulumi-v3.220.0")) ?? "";
  vendors.files.set("elsewhere/pulumi.tar.gz", vendors.files.get(pulumi) ?? "");
  vendors.files.set(pulumi, `redirect:${vendors.base}/elsewhere/pulumi.tar.gz`);
  expect((await machine.setUp({ QUORATE_RELEASE_BASE: vendors.base })).code).toBe(0);
  expect(vendors.asked).toContain("elsewhere/pulumi.tar.gz");
});

test.runIf(os === "linux")("a release without a published checksum is not used", async () => {
  using machine = new Machine();
  await using vendors = await Vendors.open();
  publish(vendors);
  for (const path of vendors.files.keys())
    if (path.includes("checksums.txt")) vendors.files.set(path, "nothing here\n");
  const { code, stderr } = await machine.setUp({ QUORATE_RELEASE_BASE: vendors.base });
  expect(code).toBe(2);
  expect(stderr).toContain("has no SHA-256 for pulumi-v3.220.0-linux");
  expect(machine.cached()).toEqual([]);
});

test("checksums are found in each of the forms that vendors use", () => {
  const sum = sha256("x");
  expect(checksumIn(`${sum}\n`, "kubectl")).toBe(sum);
  expect(checksumIn(`${sum}  helm.tar.gz`, "helm.tar.gz")).toBe(sum);
  expect(checksumIn(`${sha256("y")} *other\n${sum} *dist/etcd.tar.gz`, "etcd.tar.gz")).toBe(sum);
  expect(checksumIn(JSON.stringify({ assets: [{ name: "kwok", digest: `sha256:${sum}` }] }), "kwok")).toBe(sum);
  expect(checksumIn(JSON.stringify({ message: "rate limit exceeded" }), "kwok")).toBeUndefined();
  expect(checksumIn(`${sum}  other`, "kwok")).toBeUndefined();
});

test.for([
  ["v3.220.0", "3.220.0"],
  ["etcd Version: 3.7.3\nGit SHA: Not provided", "3.7.3"],
  ["Kubernetes v1.36.3", "1.36.3"],
  ["Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0", "1.32.4-dispatcher"],
  ["kwok version v0.8.0 go1.26.8 (linux/amd64)", "0.8.0"],
  ["v4.3.1+g1a2b3c4", "4.3.1"],
  ["no version at all", undefined],
] as const)("the version in %j is %s", ([text, version]) => {
  expect(versionIn(text)).toBe(version);
});
