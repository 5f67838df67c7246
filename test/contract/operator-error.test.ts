import { expect, test } from "vitest";
import { z } from "zod";
import { OperatorError } from "../../contract/operator-error.ts";
import { parse } from "../../contract/parse.ts";

test("an operator's error is printed in its parts, lines of a part under each other", () => {
  const error = new OperatorError({
    code: "MANIFEST_INVALID",
    what: "the network manifest a.yaml breaks its contract",
    found: "one\ntwo",
    expected: "values that fit the contract",
    next: "correct a.yaml",
  });
  expect(error.render()).toMatchInlineSnapshot(`
    "MANIFEST_INVALID  the network manifest a.yaml breaks its contract
      found     one
                two
      expected  values that fit the contract
      next      correct a.yaml"
  `);
});

test("a value that does not fit is left out of the error: it may be a secret", () => {
  const source = { code: "STACK_INVALID", what: "stack.yaml", next: "correct it" };
  const read = () => parse(z.strictObject({ token: z.int() }), { token: "hunter2" }, source);
  expect(read).toThrow(expect.objectContaining({ problem: expect.objectContaining({ code: "STACK_INVALID" }) }));
  expect(read).not.toThrow(/hunter2/);
  try {
    read();
  } catch (error) {
    expect((error as OperatorError).render()).not.toContain("hunter2");
  }
});

test("a mistyped key is told with the one that it may stand for, at any depth", () => {
  const schema = z.strictObject({
    region: z.string().default(""),
    parties: z.array(z.strictObject({ name: z.string() })),
  });
  const source = { code: "STACK_INVALID", what: "stack.yaml", next: "correct it" };
  const read = () => parse(schema, { regoin: "", colour: 1, parties: [{ naem: "a", name: "b" }] }, source);
  const found = expect.stringMatching(
    /"regoin", "colour": did you mean region\?\n[\s\S]*"naem": did you mean name\?\n.*parties\[0\]/,
  );
  expect(read).toThrow(expect.objectContaining({ problem: expect.objectContaining({ found }) }));
});
