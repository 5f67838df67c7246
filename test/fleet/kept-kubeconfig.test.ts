import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tokenSeconds } from "../../fleet/eks-token.ts";
import { KeptKubeconfig } from "../../fleet/kept-kubeconfig.ts";

let root = "";
let written = 0;
let now = 0;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-kubeconfig-"));
  [written, now] = [0, 1_000_000];
});
afterEach(() => rm(root, { recursive: true, force: true }));

const kept = (fails: () => boolean = () => false) =>
  new KeptKubeconfig(
    async () => {
      written += 1;
      if (fails()) throw new Error("AWS does not answer");
      const path = join(root, "access", "kubeconfig-1");
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, String(written));
      return path;
    },
    () => now,
  );

test("is written once for all that ask at once, and for all that ask soon after", async () => {
  const kubeconfig = kept();
  expect(new Set(await Promise.all([kubeconfig.path(), kubeconfig.path()])).size).toBe(1);
  await kubeconfig.path();
  expect(written).toBe(1);
});

test("is written anew while its token is still good for what is asked with it", async () => {
  const kubeconfig = kept();
  await kubeconfig.path();
  now += (tokenSeconds / 2) * 1000 - 1;
  await kubeconfig.path();
  expect(written).toBe(1);
  now += 2;
  await Promise.all([kubeconfig.path(), kubeconfig.path()]);
  expect(written).toBe(2);
});

test("is written anew where it is gone, with the folder that it lay in", async () => {
  const kubeconfig = kept();
  const path = await kubeconfig.path();
  await rm(dirname(path), { recursive: true });
  expect(await kubeconfig.path()).toBe(path);
  expect(written).toBe(2);
});

test("that could not be had is asked for again the next time", async () => {
  const kubeconfig = kept(() => written === 1);
  await expect(kubeconfig.path()).rejects.toThrow("AWS does not answer");
  await kubeconfig.path();
  expect(written).toBe(2);
});
