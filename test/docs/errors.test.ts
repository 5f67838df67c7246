import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

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
    if (ts.isObjectLiteralExpression(node)) codes.push(...codesOf(node));
    const start = ts.isStringLiteralLike(node) ? node.text : ts.isTemplateExpression(node) ? node.head.text : "";
    const printed = /^([A-Z]+(?:_[A-Z]+)*) {2}\S/.exec(start)?.[1];
    if (printed !== undefined && file.startsWith("bin/")) codes.push(printed);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, false));
  return codes;
}

function codesOf(literal: ts.ObjectLiteralExpression): string[] {
  const field = (name: string) =>
    literal.properties.find(
      (property): property is ts.PropertyAssignment =>
        ts.isPropertyAssignment(property) && ts.isIdentifier(property.name) && property.name.text === name,
    )?.initializer;
  const code = field("code");
  // What names a document's errors is only the beginning of their codes.
  if (code === undefined || field("what") === undefined || field("whenMissing") !== undefined) return [];
  return valuesOf(code);
}

function valuesOf(code: ts.Expression): string[] {
  if (ts.isConditionalExpression(code)) return [...valuesOf(code.whenTrue), ...valuesOf(code.whenFalse)];
  if (ts.isStringLiteral(code)) return [code.text];
  if (ts.isTemplateExpression(code)) {
    const ending = code.templateSpans.map((span) => span.literal.text).join("");
    return ["MANIFEST", "STACK", "CARD_TRUST"].map((document) => `${document}${ending}`);
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

test("a code is found wherever an error is declared", () => {
  expect(
    declaredCodes(
      "bin/example.ts",
      'throw new OperatorError({ code: late ? "TOO_LATE" : "TOO_EARLY", what: "" }); write(`NO_SUCH  thing`);',
    ),
  ).toEqual(["TOO_LATE", "TOO_EARLY", "NO_SUCH"]);
});
