import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { fillIn } from "./examples.ts";

const examples = fileURLToPath(new URL("../../stacks/examples/", import.meta.url));

/** Endpoint service of a party, as its card would bring it. */
export const mainnetService = (partyId: number, region = "eu-central-1") =>
  `com.amazonaws.vpce.${region}.vpce-svc-${String(partyId).padStart(17, "0")}`;

// biome-ignore lint/suspicious/noExplicitAny: a document as YAML gives it
type Document = any;

/** The example of Zama's mainnet, filled in, with the endpoint services that its peers' cards would bring. */
export async function mainnetManifest(): Promise<Document> {
  const manifest = parse(fillIn(await readFile(join(examples, "networks", "zama-mainnet.yaml"), "utf8")));
  for (const party of manifest.parties) if (party.id !== 1) party.endpointServiceName = mainnetService(party.id);
  return manifest;
}

/** The example of a party of it, filled in, without the prefix of its keys. */
export async function mainnetParty(): Promise<Document> {
  const { config } = parse(fillIn(await readFile(join(examples, "Pulumi.party-1.yaml"), "utf8")));
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key.replace("quorate:", ""), value]));
}

/** A stacks folder with one manifest in it, gone when disposed of. */
export async function stacksWith(manifest: Document) {
  const dir = await mkdtemp(join(tmpdir(), "quorate-mainnet-"));
  await mkdir(join(dir, "networks"));
  await writeFile(join(dir, "networks", `${manifest.network}.yaml`), stringify(manifest));
  return { dir, [Symbol.asyncDispose]: async () => await rm(dir, { recursive: true, force: true }) };
}
