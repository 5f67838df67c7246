import { expect, test } from "vitest";
import { OperatorError } from "../../contract/operator-error.ts";
import { faultText, parseFault } from "../../devnet/fault.ts";

test.each([
  [["cut", "2", "3"], { kind: "cut", from: 2, to: 3 }, "cut 2→3"],
  [["slow", "1", "4", "250"], { kind: "slow", from: 1, to: 4, ms: 250 }, "slow 1→4 by 250 ms"],
  [["reset", "4", "1"], { kind: "reset", from: 4, to: 1 }, "reset 4→1"],
  [["kill", "4"], { kind: "kill", party: 4 }, "kill 4"],
  [["hang", "4"], { kind: "hang", party: 4 }, "hang 4"],
  [["expire-cert", "3"], { kind: "expire-cert", party: 3 }, "expire-cert 3"],
  [["wrong-release", "2"], { kind: "wrong-release", party: 2 }, "wrong-release 2"],
  [["heal"], { kind: "heal" }, "heal"],
] as const)("%j is a fault", (words, fault, text) => {
  expect(parseFault(words)).toEqual(fault);
  expect(faultText(parseFault(words))).toBe(text);
});

test.each([
  [[]],
  [["cot", "2", "3"]],
  [["cut", "2"]],
  [["cut", "2", "3", "4"]],
  [["cut", "2", "2"]],
  [["cut", "2", "x"]],
  [["kill", "0"]],
  [["kill", "-1"]],
  [["slow", "1", "2", "0"]],
  [["heal", "1"]],
  [["constructor"]],
])("%j is none, and the error says what would be", (words) => {
  expect(() => parseFault(words)).toThrow(OperatorError);
  expect(() => parseFault(words)).toThrow(/^FAULT_INVALID/);
});
