import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";

/** Gives an operator's folder a devnet of more parties than four: each one more is as party 1, with names and ids of its own. */
export async function enlargeNetwork(folder: string, parties: number): Promise<void> {
  if ((parties - 1) % 3 !== 0) throw new Error(`a network has 3t + 1 parties, not ${parties}`);
  const manifestFile = join(folder, "stacks/networks/devnet.yaml");
  const manifest = parseDocument(await readFile(manifestFile, "utf8"));
  manifest.set("threshold", (parties - 1) / 3);
  const ids = Array.from({ length: parties }, (_, index) => index + 1);
  manifest.set("parties", manifest.createNode(ids.map(manifestParty)));
  await writeFile(manifestFile, manifest.toString({ lineWidth: 0 }));
  const first = await readFile(join(folder, "stacks/Pulumi.party-1.yaml"), "utf8");
  for (const id of ids.slice(4)) await writeFile(join(folder, `stacks/Pulumi.party-${id}.yaml`), stackOf(first, id));
}

const accountOf = (id: number) => `1000000000${String(id).padStart(2, "0")}`;

function manifestParty(id: number): Record<string, unknown> {
  return {
    id,
    name: `party-${id}`,
    region: "eu-west-1",
    accountId: accountOf(id),
    endpointServiceName: `com.amazonaws.vpce.eu-west-1.vpce-svc-${String(id).padStart(17, "0")}`,
  };
}

/** AWS ids are hexadecimal, and a party's have its number in them. */
function stackOf(first: string, id: number): string {
  const hex = id.toString(16).padStart(2, "0");
  return first
    .replaceAll("party-1", `party-${id}`)
    .replace("quorate:party: 1", `quorate:party: ${id}`)
    .replace('"100000000001"', `"${accountOf(id)}"`)
    .replace("vpc-0000000000000011", `vpc-00000000000${hex}f11`)
    .replace("subnet-00000000000001a1", `subnet-000000000000${hex}fa1`)
    .replace("subnet-00000000000001b2", `subnet-000000000000${hex}fb2`);
}
