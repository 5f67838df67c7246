import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { NetworkManifestShape } from "../contract/network-manifest.ts";
import { PartyOutputs } from "../contract/party-outputs.ts";
import { StackConfig } from "../contract/stack-config.ts";
import { projectName } from "./project.ts";

/** Where the files lie: beside the schemas that they are printed from. */
export const editorSchemasDir = fileURLToPath(new URL("../contract/schemas/", import.meta.url));

/**
 * JSON Schema for editors, by file name. Shape only: rules that join fields (n = 3t + 1) are checked when a file is
 * read.
 */
export function editorSchemas(): Record<string, object> {
  return {
    "network-manifest.schema.json": { ...print(NetworkManifestShape), title: "Network manifest" },
    "party-outputs.schema.json": { ...print(PartyOutputs), title: "Party outputs" },
    "stack-config.schema.json": stackFile(),
  };
}

/** A schema's text, as it lies in its file. */
export function editorSchemaText(schema: object): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}

function print(schema: z.ZodType) {
  return z.toJSONSchema(schema, { io: "input" });
}

/**
 * Pulumi's own file around our keys: other namespaces are none of our business, an unknown key of ours is a
 * mistake.
 */
function stackFile(): object {
  const { $schema, properties = {}, required = [] } = print(StackConfig);
  const own = (key: string) => `${projectName}:${key}`;
  // The engine writes a scalar back as text.
  if (typeof properties.party === "object")
    properties.party = { anyOf: [properties.party, { type: "string", pattern: "^[1-9]\\d*$" }] };
  const known = Object.keys(properties).map(own);
  return {
    $schema,
    title: "Stack configuration of one party",
    type: "object",
    required: ["config"],
    properties: {
      config: {
        type: "object",
        required: required.map(own),
        properties: Object.fromEntries(Object.entries(properties).map(([key, value]) => [own(key), value])),
        propertyNames: { anyOf: [{ enum: known }, { not: { pattern: `^${projectName}:` } }] },
      },
    },
  };
}

if (import.meta.main) {
  await mkdir(editorSchemasDir, { recursive: true });
  for (const [name, schema] of Object.entries(editorSchemas()))
    await writeFile(`${editorSchemasDir}${name}`, editorSchemaText(schema));
}
