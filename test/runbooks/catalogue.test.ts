import { expect, test } from "vitest";
import type { z } from "zod";
import { renderRunbookHelp } from "../../bin/runbook-help.ts";
import { kebab } from "../../bin/runbook-inputs.ts";
import { catalogue } from "../../runbooks/catalogue.mjs";
import type { Runbook } from "../../runbooks/runbook.ts";

const load = async (file: string) =>
  (
    (await import(/* @vite-ignore */ new URL(`../../runbooks/${file}.ts`, import.meta.url).href)) as {
      default: Runbook;
    }
  ).default;

test.each(catalogue)(
  "the help of $name lists every input that it declares, and says what it is for",
  async ({ file }) => {
    const runbook = await load(file);
    const help = renderRunbookHelp(runbook);
    for (const [name, schema] of Object.entries((runbook.inputs as z.ZodObject).shape)) {
      expect((schema as z.ZodType).description, name).toBeTruthy();
      expect(help).toMatch(new RegExp(`^ {2}--${kebab(name)}( <.+?>)? {2,}\\S`, "m"));
    }
  },
);

test.each(catalogue)("the catalogue says of $name what its declaration says", async ({ file, ...header }) => {
  const { name, systems, risk, summary } = await load(file);
  expect(header).toEqual({ name, systems, risk, summary });
});
