import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { listNetworks, readManifest } from "../../stacks/manifest-file.ts";
import { settleParty } from "../../stacks/party-settings.ts";
import { manifestPath, stacksDir } from "../../stacks/project.ts";
import { readStackConfig } from "../../stacks/stack-file.ts";

const dir = stacksDir({});

test("every committed manifest is accepted, and names the chart that is committed", async () => {
  expect(await listNetworks(dir)).toEqual(["devnet"]);
  const { manifest } = await readManifest(manifestPath(dir, "devnet"));
  expect(manifest.environment).toBe("devnet");
});

test("every committed stack fits its network", async () => {
  const files = (await readdir(dir)).filter((name) => /^Pulumi\..+\.yaml$/.test(name));
  for (const file of files) {
    const config = await readStackConfig(join(dir, file));
    const { party } = await settleParty(config, await readManifest(manifestPath(dir, config.network)), file);
    expect(`Pulumi.party-${party.id}.yaml`).toBe(file);
  }
});
