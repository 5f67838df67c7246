import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { BandwidthBaseline, BandwidthReport } from "../contract/bandwidth-report.ts";
import { CardTrust } from "../contract/card-trust.ts";
import { CertificatesReport } from "../contract/certificates-report.ts";
import { ClusterCheckReport } from "../contract/cluster-check-report.ts";
import { CollectManifest } from "../contract/collect-manifest.ts";
import { DoctorReport } from "../contract/doctor-report.ts";
import { KeyGenerationReport } from "../contract/key-generation-report.ts";
import { NetworkManifestShape } from "../contract/network-manifest.ts";
import { PartyCard } from "../contract/party-card.ts";
import { PartyOutputs } from "../contract/party-outputs.ts";
import { StackConfig } from "../contract/stack-config.ts";
import { ValidateReport } from "../contract/validate-report.ts";
import { WatchHistory } from "../contract/watch-history.ts";
import { projectName } from "./project.ts";

/** Where the files lie: beside the schemas that they are printed from. */
export const editorSchemasDir = fileURLToPath(new URL("../contract/schemas/", import.meta.url));

/**
 * JSON Schema for editors, by file name. Shape only: rules that join fields (n = 3t + 1) are checked when a file is
 * read. Reports are read and not written, so theirs go without the words for editors, which strict validators refuse.
 */
export function editorSchemas(): Record<string, object> {
  return {
    "network-manifest.schema.json": { ...printSchema(NetworkManifestShape), title: "Network manifest" },
    "card-trust.schema.json": { ...printSchema(CardTrust), title: "Trusted keys of a network's parties" },
    "party-card.schema.json": { ...printSchema(PartyCard), title: "Party card" },
    "party-outputs.schema.json": { ...printSchema(PartyOutputs), title: "Party outputs" },
    "stack-config.schema.json": stackFile(),
    "validate-report.schema.json": { ...z.toJSONSchema(ValidateReport), title: "Report of a validation" },
    "certificates-report.schema.json": { ...z.toJSONSchema(CertificatesReport), title: "Report of the certificates" },
    "cluster-check-report.schema.json": { ...z.toJSONSchema(ClusterCheckReport), title: "Report of a cluster check" },
    "key-generation-report.schema.json": { ...z.toJSONSchema(KeyGenerationReport), title: "Report of made keys" },
    "bandwidth-report.schema.json": { ...z.toJSONSchema(BandwidthReport), title: "What the links carry" },
    "bandwidth-baseline.schema.json": { ...z.toJSONSchema(BandwidthBaseline), title: "What the links are to carry" },
    "collect-manifest.schema.json": { ...z.toJSONSchema(CollectManifest), title: "What is in a bundle of collect" },
    "watch-history.schema.json": { ...z.toJSONSchema(WatchHistory), title: "History of a watch" },
    "doctor-report.schema.json": { ...z.toJSONSchema(DoctorReport), title: "What is wrong with a network" },
  };
}

/** A schema's text, as it lies in its file. */
export function editorSchemaText(schema: object): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** JSON Schema of what may be written, with the words that the contract has for it. */
export function printSchema(schema: z.ZodType) {
  return z.toJSONSchema(schema, {
    io: "input",
    override: ({ zodSchema, jsonSchema }) => {
      const message = jsonSchema.pattern === undefined ? undefined : patternMessage(zodSchema);
      if (message !== undefined) jsonSchema.patternErrorMessage = message;
    },
  });
}

/** What is said of a text that does not fit; editors show it in place of the pattern. */
function patternMessage(schema: z.core.$ZodType): string | undefined {
  const issues = z.safeParse(schema, "\u0000").error?.issues ?? [];
  return issues.find((issue) => issue.code === "invalid_format" && !issue.message.startsWith("Invalid "))?.message;
}

/**
 * Pulumi's own file around our keys: other namespaces are none of our business, an unknown key of ours is a
 * mistake.
 */
function stackFile(): object {
  const { $schema, properties = {}, required = [] } = printSchema(StackConfig);
  const own = (key: string) => `${projectName}:${key}`;
  // The engine writes a scalar back as text.
  if (typeof properties.party === "object") {
    const { description = "", ...number } = properties.party;
    properties.party = { anyOf: [number, { type: "string", pattern: "^[1-9]\\d*$" }], description };
  }
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
