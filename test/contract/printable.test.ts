import { expect, test } from "vitest";
import { OperatorError } from "../../contract/operator-error.ts";
import { cutBetweenWords, printable, printableLine } from "../../contract/printable.ts";

test("what would steer a terminal is spelled out; lines, tabs and every script of the world stay", () => {
  expect(printable("a\u001b[2Jb\u009b31mc\rd\u0007e")).toBe("a\\u001b[2Jb\\u009b31mc\\u000dd\\u0007e");
  expect(printable("user\u202egpj.exe")).toBe("user\\u202egpj.exe");
  expect(printable("mpc\u200b-node\ufeff\u061c\u2063")).toBe("mpc\\u200b-node\\ufeff\\u061c\\u2063");
  expect(printable("one\r\ntwo\tthree ✖ → 北京 é")).toBe("one\ntwo\tthree ✖ → 北京 é");
});

test("colours stay only where they are ours", () => {
  const red = "\u001b[31mred\u001b[39m";
  expect(printable(red, { colours: true })).toBe(red);
  expect(printable(red)).toBe("\\u001b[31mred\\u001b[39m");
  expect(printable(`${red}\u001b]0;title\u0007`, { colours: true })).toBe(`${red}\\u001b]0;title\\u0007`);
});

test("a text that should be one line can not make two", () => {
  expect(printableLine("a\nBUG  b")).toBe("a\\u000aBUG  b");
});

test("what is cut is cut between words, with a sign, and an ARN in it is whole or is not there", () => {
  const arn = "arn:aws:sts::100000000003:assumed-role/mpc-kms-party-3/session";
  const said = `User: ${arn} is not authorized to perform: s3:PutObject`;
  expect(cutBetweenWords(said, said.length)).toBe(said);
  for (let longest = 1; longest < said.length; longest += 1) {
    const cut = cutBetweenWords(said, longest);
    const words = cut.replace(/ …$/, "").split(" ");
    expect([cut, said.split(" ").slice(0, words.length)]).toEqual([cut, words]);
    expect(cut === said || cut.endsWith(" …")).toBe(true);
  }
  expect(cutBetweenWords(said, 20)).toBe(`User: ${arn} …`);
  expect(cutBetweenWords(`a ${"x".repeat(400)} b`, 100)).toBe("a …");
  expect(cutBetweenWords("x".repeat(400), 100)).toBe(`${"x".repeat(99)}…`);
});

test("no part of an operator's error steers the terminal or begins a line that is not its own", () => {
  const hostile = "x\u001b[2J\nBUG  made up";
  const text = new OperatorError({
    code: "C",
    what: hostile,
    found: hostile,
    expected: hostile,
    next: hostile,
  }).render();
  expect(text).not.toContain("\u001b");
  expect(text).not.toMatch(/^BUG/m);
  expect(text.split("\n").filter((line) => /^\S/.test(line))).toHaveLength(1);
});
