import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { publishedAt } from "../../contract/network-manifest.ts";
import { listNetworks, readManifest } from "../../stacks/manifest-file.ts";
import { settleParty } from "../../stacks/party-settings.ts";
import { stacksDir } from "../../stacks/project.ts";
import { readStackConfig } from "../../stacks/stack-file.ts";
import { fillIn } from "../support/examples.ts";
import { problemOf } from "../support/refusal.ts";

const examples = join(stacksDir({}), "examples");
const networks = [
  { network: "zama-mainnet", stack: "party-1", region: "eu-central-1", chart: "1.5.2", release: "0.13.10", open: 25 },
  {
    network: "zama-testnet",
    stack: "party-1-testnet",
    region: "eu-west-1",
    chart: "1.6.0",
    release: "0.13.20",
    open: 17,
  },
];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "quorate-examples-"));
});
afterEach(async () => await rm(folder, { recursive: true }));

/** The example as it would lie there once somebody filled it in. */
async function filledIn(...path: string[]): Promise<string> {
  const copy = join(folder, path.at(-1) ?? "");
  await writeFile(copy, fillIn(await readFile(join(examples, ...path), "utf8")));
  return copy;
}

test("the examples are no networks and no stacks until somebody copies them", async () => {
  expect(await listNetworks(stacksDir({}))).toEqual(["devnet"]);
  expect(await listNetworks(examples)).toEqual(networks.map(({ network }) => network));
  const stacks = (await readdir(examples)).filter((name) => name.startsWith("Pulumi."));
  expect(stacks.sort()).toEqual(networks.map(({ stack }) => `Pulumi.${stack}.yaml`).sort());
});

describe.each(networks)("$network", ({ network, stack, region, chart, release, open }) => {
  test("is refused as it is, by every place that is to be filled in", async () => {
    const manifest = await problemOf(readManifest(join(examples, "networks", `${network}.yaml`)));
    expect(manifest).toMatchObject({
      code: "MANIFEST_UNFINISHED",
      what: expect.stringContaining(`${open} places`),
      found: expect.stringMatching(/parties\[12\]\.accountId: <account id of party 13> \(line \d+\)$/),
    });
    expect(manifest?.found.split("\n")).toHaveLength(open);
    expect(await problemOf(readStackConfig(join(examples, `Pulumi.${stack}.yaml`)))).toMatchObject({
      code: "STACK_UNFINISHED",
      found: expect.stringMatching(/^accountId: <your account id> \(line 7\)\n/),
    });
  });

  test("filled in, has 13 parties with t = 4, real vaults and releases, and a party that fits it", async () => {
    const file = await readManifest(await filledIn("networks", `${network}.yaml`));
    const { manifest } = file;
    expect([manifest.parties.length, manifest.threshold, manifest.chart.version]).toEqual([13, 4, chart]);
    expect(new Set(manifest.parties.map((party) => party.region))).toEqual(new Set([region]));
    for (const party of manifest.parties)
      expect(publishedAt(party)).toMatch(
        new RegExp(`^https://[a-z0-9-]+-public-[0-9a-f]{8}\\.s3\\.${region}\\.amazonaws\\.com/PUB-p${party.id}$`),
      );
    // One kernel and one set of boot files in all of them.
    expect(new Set(manifest.trustedReleases.map(({ pcr1 }) => pcr1)).size).toBe(1);
    expect(new Set(manifest.trustedReleases.map(({ pcr0 }) => pcr0)).size).toBe(manifest.trustedReleases.length);
    const config = await readStackConfig(await filledIn(`Pulumi.${stack}.yaml`));
    const settings = await settleParty(config, file, `Pulumi.${stack}.yaml`);
    expect(settings).toMatchObject({
      release: { version: release, image: { tag: `v${release}` } },
      manifest: { enclave: { cpuCount: 48, memoryGib: 96 } },
      chart: { ref: expect.stringMatching(/^oci:.*kms-core@sha256:/), version: chart },
    });
    expect(config.allowedPcr0).toEqual([settings.release.pcr0]);
  });
});
