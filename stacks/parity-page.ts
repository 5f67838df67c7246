import { readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { docsDir } from "./reference-pages.ts";

const folder = fileURLToPath(new URL("./parity/", import.meta.url));

/** Documents whose fields the page names, by the word before the colon. */
const documents: Record<string, { title: string; page?: string }> = {
  stack: { title: "stack file", page: "stack-config.md" },
  manifest: { title: "manifest", page: "network-manifest.md" },
  output: { title: "outputs", page: "party-outputs.md" },
  card: { title: "card", page: "party-card.md" },
  backup: { title: "backup account's stack file", page: "backup-config.md" },
};

const Entries = z.record(z.string(), z.string());
const Source = z.object({ title: z.string(), source: z.url() }).catchall(Entries);

/** Where one thing of upstream's is with us: a file of components, or a field of a document. */
export type Reference =
  | { kind: "component"; file: string; creates: string | undefined }
  | { kind: "field"; document: string; path: string };

/** One row of the page: what upstream calls it, and where it is with us or why not. */
export interface ParityRow {
  name: string;
  references: Reference[];
  /** More about where it is, or why it is left out. */
  note: string;
}

export interface ParitySection {
  title: string;
  source: string;
  /** By kind: resources, variables, outputs, objects, values. */
  tables: Record<string, ParityRow[]>;
}

const order = [
  "mpc-party",
  "vpc-endpoint-provider",
  "vpc-endpoint-consumer",
  "mpc-backup-key",
  "mpc-backup-vault",
  "zama-protocol-pauser-wallet",
  "kms-core-chart",
];

/** What upstream has and where it is here, as `parity/*.yaml` says. */
export async function paritySections(): Promise<ParitySection[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".yaml"));
  const place = (file: string) => order.indexOf(file.replace(".yaml", ""));
  return await Promise.all(
    files
      .toSorted((a, b) => place(a) - place(b))
      .map(async (file) => {
        const { title, source, ...tables } = Source.parse(parseYaml(await readFile(`${folder}${file}`, "utf8")));
        const rows = Object.entries(tables).map(([kind, entries]) => [kind, Object.entries(entries).map(readRow)]);
        return { title, source, tables: Object.fromEntries(rows) };
      }),
  );
}

const leftOut = "left out: ";

function readRow([name, text]: [string, string]): ParityRow {
  if (text.startsWith(leftOut)) return { name, references: [], note: text.slice(leftOut.length) };
  const [places = "", ...note] = text.split(" — ");
  return { name, references: places.split(", ").map(readReference), note: note.join(" — ") };
}

function readReference(text: string): Reference {
  const [document = "", path] = text.split(":");
  if (path !== undefined) return { kind: "field", document, path };
  const [file = "", creates] = text.split("#");
  return { kind: "component", file, creates };
}

/** The page `docs/parity-zama-kms.md`. */
export async function parityPage(): Promise<string> {
  const sections = await paritySections();
  const rows = sections.flatMap(({ tables }) => Object.values(tables).flat());
  const out = rows.filter(({ references }) => references.length === 0).length;
  return [
    "# What became of the Terraform modules and the chart",
    "",
    "<!-- Printed from stacks/parity/ by stacks/parity-page.ts. -->",
    "",
    "For operators who come from Zama's Terraform modules and helm values: where each resource, variable and output of the six modules is, and each object and value of the chart; or why it is left out. Modules as of v0.1.27.",
    `Of ${rows.length}, ${out} are left out. What departs on purpose in more than a name is in [decisions](decisions.md) too.`,
    "",
    ...sections.flatMap(sectionText),
  ].join("\n");
}

function sectionText({ title, source, tables }: ParitySection): string[] {
  return [
    `## ${title}`,
    "",
    `[Source](${source}).`,
    "",
    ...Object.entries(tables).flatMap(([kind, rows]) => [
      `### ${title.split(" ").slice(2).join(" ")}: ${kind}`,
      "",
      `| ${kind} | here | |`,
      "| --- | --- | --- |",
      ...rows.map(rowText),
      "",
    ]),
  ];
}

function rowText({ name, references, note }: ParityRow): string {
  const here = references.length === 0 ? "left out" : references.map(referenceText).join("<br>");
  return `| ${[`\`${name}\``, here, note].map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
}

function referenceText(reference: Reference): string {
  if (reference.kind === "component") {
    const { file, creates } = reference;
    return `[${file.replace("components/", "")}](../${file})${creates === undefined ? "" : ` \`${creates}\``}`;
  }
  const { title, page } = documents[reference.document] ?? { title: reference.document };
  return `${page === undefined ? title : `[${title}](${page})`} \`${reference.path}\``;
}

if (import.meta.main) await writeFile(`${docsDir}parity-zama-kms.md`, await parityPage());
