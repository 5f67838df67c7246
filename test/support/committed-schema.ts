import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { editorSchemasDir } from "../../stacks/editor-schemas.ts";

/** A schema as it is committed, in the hands of a validator that is not ours. Dates are checked where our own schema reads them. */
export async function committedSchema(name: string): Promise<ValidateFunction> {
  const schema = JSON.parse(await readFile(join(editorSchemasDir, `${name}.schema.json`), "utf8"));
  return new Ajv2020({ allErrors: true, validateFormats: false }).compile(schema);
}

/** A value as it is when it was written as JSON and read again. */
export function overJson(value: unknown) {
  return JSON.parse(JSON.stringify(value));
}
