import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { z } from "zod";
import { BackupConfig } from "../contract/backup-config.ts";
import { NetworkManifestShape } from "../contract/network-manifest.ts";
import { PartyCard } from "../contract/party-card.ts";
import { PartyOutputs } from "../contract/party-outputs.ts";
import { StackConfig } from "../contract/stack-config.ts";
import { printSchema } from "./editor-schemas.ts";
import { projectName } from "./project.ts";

/** Where the pages lie. */
export const docsDir = fileURLToPath(new URL("../docs/", import.meta.url));

const root = new URL("../", import.meta.url);

interface Page {
  title: string;
  /** What the document is, in Markdown. */
  intro: string;
  schema: z.ZodType;
  /** File that declares the schema. */
  source: string;
  /** A committed document that fits the schema. */
  example: string;
}

const pages: Record<string, Page> = {
  "stack-config.md": {
    title: "Stack configuration",
    intro: `What only one party decides: \`stacks/Pulumi.<stack>.yaml\`. Each key stands under \`config:\` and begins with \`${projectName}:\`, as in the example; \`pulumi config set\` writes the same file. Keys of other namespaces are left alone, an unknown key of ours is an error.`,
    schema: StackConfig,
    source: "contract/stack-config.ts",
    example: "stacks/Pulumi.party-1.yaml",
  },
  "backup-config.md": {
    title: "Stack configuration of a backup account",
    intro: `What the account decides that holds one party's backups: \`Pulumi.<stack>.yaml\` with \`${projectName}:contract: backup/v1\`. Each key stands under \`config:\` and begins with \`${projectName}:\`, as in the example. Besides the constraints below: \`partyCluster\` or \`coreRole\` is there; \`replica.region\` is another than \`region\`. What is built from it: [backups](vaults-and-access.md#backups).`,
    schema: BackupConfig,
    source: "contract/backup-config.ts",
    example: "docs/backup-config.example.yaml",
  },
  "network-manifest.md": {
    title: "Network manifest",
    intro:
      "What all parties agreed on: `stacks/networks/<network>.yaml`. Review it like code. Its digest is in every party's outputs, and in every plan and report, so that two parties with different manifests find out. Besides the constraints below: `n = 3t + 1`; ids run from 1 to n; ids, hosts, endpoint services and release versions occur once; `minDecCache` is below `decCapacity`.",
    schema: NetworkManifestShape,
    source: "contract/network-manifest.ts",
    example: "stacks/networks/devnet.yaml",
  },
  "party-outputs.md": {
    title: "Party outputs",
    intro:
      "What a party's stack exports: names and addresses, no secret and no kubeconfig. `npx quorate outputs` prints it, runbooks act on it.",
    schema: PartyOutputs,
    source: "contract/party-outputs.ts",
    example: "docs/party-outputs.example.json",
  },
  "party-card.md": {
    title: "Party card",
    intro:
      "What the other parties need to know of one party. It travels as a JWS in compact form, signed with ES256 by the party's KMS key; its header has `alg`, `typ`, `kid` and `jwk` and nothing else, its payload is this JSON with sorted keys and no white space. `expiresAt` is after `issuedAt`, by at most 400 days; `sha256` is that of the certificate. How parties exchange cards: [cards](cards.md).",
    schema: PartyCard,
    source: "contract/party-card.ts",
    example: "docs/party-card.example.json",
  },
};

/** The reference pages, by file name, as they lie in `docs/`. */
export async function referencePages(): Promise<Record<string, string>> {
  const texts = Object.entries(pages).map(async ([name, page]) => [name, await renderPage(page)] as const);
  return Object.fromEntries(await Promise.all(texts));
}

async function renderPage({ title, intro, schema, source, example }: Page): Promise<string> {
  const text = await readFile(new URL(example, root), "utf8");
  const kind = example.endsWith(".json") ? "json" : "yaml";
  const shape = printSchema(schema) as Schema;
  return [
    `# ${title}`,
    "",
    `<!-- Printed from ${source} by stacks/reference-pages.ts. -->`,
    "",
    intro,
    "",
    `\`\`\`${kind}`,
    text.trimEnd(),
    "```",
    "",
    "| key | type | default | constraint | meaning |",
    "| --- | --- | --- | --- | --- |",
    ...rows(shape.oneOf?.[0] ?? shape, "").map((row) => `| ${row.map(cell).join(" | ")} |`),
    "",
    "A list's entries are written as `key[]`. A key whose default is — may be left out.",
    "",
  ].join("\n");
}

/** As much of JSON Schema as our contracts use. */
interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  format?: string;
  pattern?: string;
  patternErrorMessage?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
}

/** One row for each key, those of a mapping after the mapping itself. */
function rows(schema: Schema, prefix: string): string[][] {
  const options = alternatives(schema.items ?? schema);
  return options.flatMap((option) =>
    Object.entries(option.properties ?? {}).flatMap(([name, property]) => {
      const key = `${prefix}${name}`;
      const isRequired = option.required?.includes(name) === true;
      const whenMissing = options.length > 1 ? "one of these" : isRequired ? "required" : "—";
      const below = rows(property, property.items ? `${key}[].` : `${key}.`);
      return [
        [
          `\`${key}\``,
          typeWords(property),
          defaultWords(property, whenMissing, below.length > 0),
          constraintWords(property).join("; "),
          property.description ?? "",
        ],
        ...below,
      ];
    }),
  );
}

function alternatives(schema: Schema): Schema[] {
  return (schema.anyOf ?? [schema])
    .flatMap((option) => option.oneOf ?? [option])
    .filter((option) => option.type !== "null");
}

function typeWords(schema: Schema): string {
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(" or ");
  if (schema.anyOf) {
    const options = alternatives(schema);
    const isNullable = schema.anyOf.some((option) => option.type === "null");
    const names = options.map((option) =>
      options.length > 1 ? `\`${Object.keys(option.properties ?? {}).join("`, `")}\`` : typeWords(option),
    );
    return `${names.join(" or ")}${isNullable ? " or null" : ""}`;
  }
  switch (schema.type) {
    case "array":
      return `list of ${plural(typeWords(schema.items ?? {}))}`;
    case "object":
      return typeof schema.additionalProperties === "object" ? "mapping of text to text" : "mapping";
    case "integer":
      return "whole number";
    case "boolean":
      return "true or false";
    default:
      return "text";
  }
}

function plural(words: string): string {
  return words === "text" ? "texts" : `${words}s`;
}

function defaultWords(schema: Schema, whenMissing: string, hasKeys: boolean): string {
  if (schema.default !== undefined && !hasKeys) return `\`${schema.default}\``;
  return schema.default === undefined ? whenMissing : "as below";
}

const formats: Record<string, string> = {
  uri: "a URL",
  cidrv4: "an address range such as 203.0.113.0/24",
  ipv4: "an IPv4 address",
  "date-time": "a time such as 2026-11-20T12:00:00Z",
};

function constraintWords(schema: Schema): string[] {
  if (schema.anyOf) return alternatives(schema).length === 1 ? alternatives(schema).flatMap(constraintWords) : [];
  if (schema.items) {
    const each = constraintWords(schema.items).map((words) => `each: ${words}`);
    return [...((schema.minItems ?? 0) > 0 ? [`at least ${schema.minItems}`] : []), ...each];
  }
  if (schema.type === "integer") return range(schema);
  if (schema.format) return [formats[schema.format] ?? schema.format];
  if (schema.patternErrorMessage) return [schema.patternErrorMessage, ...longest(schema)];
  if (schema.pattern) return [`\`${schema.pattern}\``, ...longest(schema)];
  return longest(schema);
}

function longest({ maxLength }: Schema): string[] {
  return maxLength === undefined ? [] : [`at most ${maxLength} characters`];
}

function range({ minimum = -Infinity, maximum = Infinity }: Schema): string[] {
  const [least, most] = [minimum > Number.MIN_SAFE_INTEGER, maximum < Number.MAX_SAFE_INTEGER];
  if (least && most) return [`${minimum} to ${maximum}`];
  return least ? [`at least ${minimum}`] : [];
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

if (import.meta.main)
  for (const [name, text] of Object.entries(await referencePages())) await writeFile(`${docsDir}${name}`, text);
