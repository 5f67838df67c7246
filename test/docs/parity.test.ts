import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { z } from "zod";
import { BackupConfig } from "../../contract/backup-config.ts";
import { NetworkManifestShape } from "../../contract/network-manifest.ts";
import { PartyCard } from "../../contract/party-card.ts";
import { PartyOutputs } from "../../contract/party-outputs.ts";
import { StackConfig } from "../../contract/stack-config.ts";
import { printSchema } from "../../stacks/editor-schemas.ts";
import { parityPage, paritySections, type Reference } from "../../stacks/parity-page.ts";
import { docsDir } from "../../stacks/reference-pages.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** As much of JSON Schema as it takes to find a field. */
interface Schema {
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
}

const shapes = Object.fromEntries(
  Object.entries({
    stack: StackConfig,
    manifest: NetworkManifestShape,
    output: PartyOutputs,
    card: PartyCard,
    backup: BackupConfig,
  } satisfies Record<string, z.ZodType>).map(([document, schema]) => [document, printSchema(schema) as Schema]),
);

function alternatives(schema: Schema): Schema[] {
  const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return inner.length === 0 ? [schema] : inner.flatMap(alternatives);
}

/** Whether a document has a field; a list's entries are written `key[]`. */
function hasField(document: string, path: string): boolean {
  let at = alternatives(shapes[document] ?? {});
  for (const step of path.split(".")) {
    const name = step.replace("[]", "");
    const found = at.flatMap(({ properties }) => (properties?.[name] ? [properties[name]] : [])).flatMap(alternatives);
    at = step.endsWith("[]") ? found.flatMap(({ items }) => (items ? alternatives(items) : [])) : found;
  }
  return at.length > 0;
}

/** What is wrong with a reference; undefined where it leads somewhere. */
async function problemOf(reference: Reference): Promise<string | undefined> {
  if (reference.kind === "field")
    return hasField(reference.document, reference.path)
      ? undefined
      : `${reference.document} has no field ${reference.path}`;
  const { file, creates } = reference;
  if (!file.startsWith("components/") || !existsSync(join(root, file))) return `there is no component ${file}`;
  if (creates === undefined) return undefined;
  const text = await readFile(join(root, file), "utf8");
  return text.includes(`${creates}(`) ? undefined : `${file} has no ${creates}`;
}

test("every component and every field that the page names exists", async () => {
  const sections = await paritySections();
  const references = sections
    .flatMap(({ tables }) => Object.values(tables).flat())
    .flatMap((row) => row.references.map((reference) => ({ row, reference })));
  expect(references.length).toBeGreaterThan(200);
  const problems = await Promise.all(
    references.map(async ({ row, reference }) => {
      const problem = await problemOf(reference);
      return problem === undefined ? [] : [`${row.name}: ${problem}`];
    }),
  );
  expect(problems.flat()).toEqual([]);
});

test("a component, a resource and a field that do not exist are found out", async () => {
  const field = (document: string, path: string) => problemOf({ kind: "field", document, path });
  const component = (file: string, creates?: string) => problemOf({ kind: "component", file, creates });
  expect(await field("stack", "vaults.bucketPrefx")).toBe("stack has no field vaults.bucketPrefx");
  expect(await field("stack", "cluster.create.name")).toBeUndefined();
  expect(await field("manifest", "parties[].region")).toBeUndefined();
  expect(await field("manifest", "parties.region")).toBe("manifest has no field parties.region");
  expect(await field("stak", "vaults")).toBe("stak has no field vaults");
  expect(await component("components/aws/volt.ts")).toBe("there is no component components/aws/volt.ts");
  expect(await component("components/aws/vault.ts", "new aws.s3.Volt")).toBe(
    "components/aws/vault.ts has no new aws.s3.Volt",
  );
});

test("no resource, variable or output of the six modules is missing, as of v0.1.27", async () => {
  const counts = (await paritySections()).map(({ title, tables }) => [
    title,
    ...Object.values(tables).map((rows) => rows.filter(({ name }) => !name.startsWith("party_services.")).length),
  ]);
  expect(counts.slice(0, 6)).toEqual([
    ["Terraform module mpc-party", 38, 90, 12],
    ["Terraform module vpc-endpoint-provider", 9, 18, 6],
    ["Terraform module vpc-endpoint-consumer", 12, 24, 15],
    ["Terraform module mpc-backup-key", 6, 9, 2],
    ["Terraform module mpc-backup-vault", 18, 9, 6],
    ["Terraform module zama-protocol-pauser-wallet", 10, 16, 1],
  ]);
});

test("what is left out says why, and what is there may say more", async () => {
  const rows = (await paritySections()).flatMap(({ tables }) => Object.values(tables).flat());
  expect(rows.filter(({ references, note }) => references.length === 0 && note.length < 3)).toEqual([]);
});

test("the page is what its sources print: run node stacks/parity-page.ts after a change", async () => {
  expect(await readFile(join(docsDir, "parity-zama-kms.md"), "utf8")).toBe(await parityPage());
});
