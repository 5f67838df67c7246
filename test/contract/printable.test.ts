import { expect, test } from "vitest";
import { OperatorError } from "../../contract/operator-error.ts";
import { printable, printableLine } from "../../contract/printable.ts";

test("what would steer a terminal is spelled out; lines, tabs and every script of the world stay", () => {
  expect(printable("a\u001b[2Jb\u009b31mc\rd\u0007e")).toBe("a\\u001b[2Jb\\u009b31mc\\u000dd\\u0007e");
  expect(printable("user\u202egpj.exe")).toBe("user\\u202egpj.exe");
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
