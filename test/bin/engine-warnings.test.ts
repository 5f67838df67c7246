import { expect, test } from "vitest";
import { EngineWarnings } from "../../bin/engine-warnings.ts";

const held =
  "the core is held back until every peer's CA certificate is there: no card of party 4. Its keys and its own certificate are made now";

test("what the preview of an update has said of a party, the update does not say again", () => {
  const warnings = new EngineWarnings();
  expect(warnings.text(1, held)).toBe(`party 1: ${held}`);
  expect(warnings.text(2, held)).toBe(`party 2: ${held}`);
  expect(warnings.text(1, held)).toBeUndefined();
  expect(warnings.text(1, "another thing")).toBe("party 1: another thing");
});

test("a warning is wrapped where the terminal ends, under itself", () => {
  expect(new EngineWarnings().text(1, held, 60)).toMatchInlineSnapshot(`
    "party 1: the core is held back until every peer's CA
             certificate is there: no card of party 4. Its keys
             and its own certificate are made now"
  `);
});
