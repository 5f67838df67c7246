import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";
import { exitCodes } from "../../contract/verdict.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const layers = ["bin", "components", "contract", "devnet", "fleet", "runbooks", "stacks", "tools"];

async function sources(): Promise<string[]> {
  const files = await Promise.all(
    layers.map(async (layer) =>
      (await readdir(join(root, layer), { recursive: true })).map((file) => join(layer, file)),
    ),
  );
  return files.flat().filter((file) => /\.(ts|mjs)$/.test(file) && !file.endsWith(".d.ts") && !/_pb\./.test(file));
}

/** Codes of the errors that a source declares: objects with `code` and `what`, and texts that are printed as they are. */
function declaredCodes(file: string, text: string): string[] {
  const codes: string[] = [];
  // Parsing is what takes the time, and most files declare no error.
  if (!file.startsWith("bin/") && !/\bwhat\b/.test(text)) return codes;
  const visit = (node: ts.Node) => {
    if (ts.isObjectLiteralExpression(node)) codes.push(...codesOf(node, file));
    const start = ts.isStringLiteralLike(node) ? node.text : ts.isTemplateExpression(node) ? node.head.text : "";
    const printed = /^([A-Z]+(?:_[A-Z]+)*) {2}(?:\S|$)/.exec(start)?.[1];
    if (printed !== undefined && file.startsWith("bin/")) codes.push(printed);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, false));
  return codes;
}

function codesOf(literal: ts.ObjectLiteralExpression, file: string): string[] {
  const field = (name: string) =>
    literal.properties.find(
      (property): property is ts.PropertyAssignment =>
        ts.isPropertyAssignment(property) && ts.isIdentifier(property.name) && property.name.text === name,
    )?.initializer;
  const code = field("code");
  // What names a document's errors is only the beginning of their codes.
  if (code === undefined || field("what") === undefined || field("whenMissing") !== undefined) return [];
  return valuesOf(code, file);
}

/** Beginnings of codes that one source gives to the errors of several documents. */
const documentsOf = (file: string) =>
  file === "stacks/signed-document.ts" ? ["HALF", "DESK"] : ["MANIFEST", "STACK", "CARD_TRUST"];

function valuesOf(code: ts.Expression, file: string): string[] {
  if (ts.isConditionalExpression(code)) return [...valuesOf(code.whenTrue, file), ...valuesOf(code.whenFalse, file)];
  if (ts.isStringLiteral(code)) return [code.text];
  if (ts.isTemplateExpression(code)) {
    const ending = code.templateSpans.map((span) => span.literal.text).join("");
    return documentsOf(file).map((document) => `${document}${ending}`);
  }
  return [];
}

test("docs/errors.md has every error code of the sources, once, and no other", async () => {
  const page = await readFile(join(root, "docs", "errors.md"), "utf8");
  const written = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1] ?? "");
  const files = await sources();
  const declared = await Promise.all(
    files.map(async (file) => declaredCodes(file, await readFile(join(root, file), "utf8"))),
  );
  expect(written.toSorted()).toEqual([...new Set(declared.flat())].toSorted());
});

/** What a source says with which exit code an error ends the command, where it says so in plain words. */
function declaredExits(file: string, text: string): [string, number][] {
  const found: [string, number][] = [];
  const visit = (node: ts.Node) => {
    if (ts.isObjectLiteralExpression(node)) {
      const property = node.properties.find((one) => one.name?.getText() === "exitCode");
      const value = property && ts.isPropertyAssignment(property) ? property.initializer.getText() : "";
      const exit = /^\d+$/.test(value)
        ? Number(value)
        : exitCodes[value.replace("exitCodes.", "") as keyof typeof exitCodes];
      if (exit !== undefined) found.push(...codesOf(node, file).map((code): [string, number] => [code, exit]));
    }
    ts.forEachChild(node, visit);
  };
  if (text.includes("exitCode:")) visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

test("docs/errors.md names every exit code that is not the one that its section begins with", async () => {
  const page = await readFile(join(root, "docs", "errors.md"), "utf8");
  const written = new Map<string, number>();
  for (const section of page.split(/^## /m)) {
    const [intro = ""] = section.split(/^\|/m);
    const usual = Number(/exit code (\d+)/i.exec(intro)?.[1] ?? exitCodes.usage);
    for (const [, code = "", text = ""] of section.matchAll(/^\| `([A-Z_]+)` \| (.*) \|$/gm))
      written.set(code, Number(/exit code (\d+)\.$/i.exec(text)?.[1] ?? usual));
  }
  const files = await sources();
  const declared = await Promise.all(
    files.map(async (file) => declaredExits(file, await readFile(join(root, file), "utf8"))),
  );
  expect(declared.flat().length).toBeGreaterThan(20);
  expect(declared.flat().filter(([code, exit]) => written.has(code) && written.get(code) !== exit)).toEqual([]);
});

test("a code is found wherever an error is declared", () => {
  expect(
    declaredCodes(
      "bin/example.ts",
      'throw new OperatorError({ code: late ? "TOO_LATE" : "TOO_EARLY", what: "" }); write(`NO_SUCH  thing`);',
    ),
  ).toEqual(["TOO_LATE", "TOO_EARLY", "NO_SUCH"]);
});
