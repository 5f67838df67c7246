import { expect, test } from "vitest";
import { catalogue } from "../../runbooks/catalogue.mjs";
import type { Runbook } from "../../runbooks/runbook.ts";

test.each(catalogue)("the catalogue says of $name what its declaration says", async ({ file, ...header }) => {
  const { default: runbook } = (await import(
    /* @vite-ignore */ new URL(`../../runbooks/${file}.ts`, import.meta.url).href
  )) as { default: Runbook };
  const { name, systems, risk, summary } = runbook;
  expect(header).toEqual({ name, systems, risk, summary });
});
