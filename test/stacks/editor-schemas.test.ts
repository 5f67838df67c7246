import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { editorSchemas, editorSchemasDir } from "../../stacks/editor-schemas.ts";
import { stacksDir } from "../../stacks/project.ts";

test("the JSON Schema files are what the contract prints: run node stacks/editor-schemas.ts after a change", async () => {
  expect((await readdir(editorSchemasDir)).sort()).toEqual(Object.keys(editorSchemas()).sort());
  for (const [name, schema] of Object.entries(editorSchemas()))
    expect(JSON.parse(await readFile(join(editorSchemasDir, name), "utf8")), name).toEqual(schema);
});

test("the committed stacks and manifests name a schema that is there", async () => {
  const dir = stacksDir({});
  for (const folder of [dir, join(dir, "networks")])
    for (const file of (await readdir(folder)).filter((name) => name.endsWith(".yaml"))) {
      const schema = schemaOf(await readFile(join(folder, file), "utf8"));
      await expect(readFile(join(folder, schema)), file).resolves.toBeDefined();
    }
});

test("an example names a schema that is there once an operator who installed the package has copied it", async () => {
  const [root, project] = [dirname(stacksDir({})), "/project"];
  const installed = join(project, "node_modules/quorate/dist");
  for (const folder of ["stacks", "stacks/networks"]) {
    const examples = join(root, folder.replace("stacks", "stacks/examples"));
    for (const file of (await readdir(examples)).filter((name) => name.endsWith(".yaml"))) {
      const schema = schemaOf(await readFile(join(examples, file), "utf8"));
      const path = relative(installed, join(project, folder, schema));
      // The package holds the folder of each layer as it is here.
      expect(path, file).toMatch(/^contract\/schemas\//);
      await expect(readFile(join(root, path)), file).resolves.toBeDefined();
    }
  }
});

/** What an editor holds a file against. */
function schemaOf(text: string): string {
  return /^# yaml-language-server: \$schema=(.+)$/m.exec(text)?.[1] ?? "";
}

test("an editor accepts the committed files and marks an unknown key of ours", async () => {
  const schema = z.fromJSONSchema(editorSchemas()["network-manifest.schema.json"] as never);
  const manifest = parse(await readFile(join(stacksDir({}), "networks", "devnet.yaml"), "utf8"));
  expect(schema.safeParse(manifest).error).toBeUndefined();
  expect(schema.safeParse({ ...manifest, treshold: 1 }).success).toBe(false);
});
