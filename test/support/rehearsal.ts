import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { chartDigest } from "../../stacks/chart-digest.ts";
import { mainnetManifest, mainnetParty, mainnetService } from "./mainnet.ts";
import { createOperatorFolder } from "./operator-folder.ts";

const chart = fileURLToPath(new URL("../../devnet/charts/kms-core", import.meta.url));

/** A folder with one party of Zama's mainnet, complete, of which a devnet can play all but its peers: docs/networks.md, Rehearsal. */
export async function createRehearsalFolder(folder: string): Promise<string> {
  await createOperatorFolder(folder);
  for (const id of [1, 2, 3, 4]) await rm(join(folder, `stacks/Pulumi.party-${id}.yaml`));
  await rm(join(folder, "stacks/networks/devnet.yaml"));
  const { connector: _connector, coreClient: _coreClient, ...manifest } = await mainnetManifest();
  for (const party of manifest.parties) party.endpointServiceName ??= mainnetService(party.id);
  const stackFile = parse(
    await readFile(fileURLToPath(new URL("../../stacks/Pulumi.party-1.yaml", import.meta.url)), "utf8"),
  );
  const config = {
    ...(await mainnetParty()),
    // A devnet does what the controller does, and its chart is not here.
    cluster: { create: { ...stackFile.config["quorate:cluster"].create, loadBalancerController: "byHand" } },
    monitoring: { prometheusOperator: "absent" },
    secrets: { byHand: ["registry-credentials"] },
    pauser: { createNamespace: true },
    peerDomain: "mpc-partners.local",
  };
  const network = {
    ...manifest,
    environment: "devnet",
    chart: { ref: "../../devnet/charts/kms-core", version: "1.9.1", digest: await chartDigest(chart) },
  };
  await writeFile(join(folder, "stacks/networks/zama-mainnet.yaml"), stringify(network));
  const keys = Object.fromEntries(Object.entries(config).map(([key, value]) => [`quorate:${key}`, value]));
  await writeFile(join(folder, "stacks/Pulumi.party-1.yaml"), stringify({ config: keys }));
  return folder;
}
