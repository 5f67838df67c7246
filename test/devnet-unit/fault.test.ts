import { expect, test } from "vitest";
import { OperatorError } from "../../contract/operator-error.ts";
import { Fault, faultText, parseFault } from "../../devnet/fault.ts";

test.each([
  [["cut", "2", "3"], { kind: "cut", from: 2, to: 3 }, "cut 2→3"],
  [["slow", "1", "4", "250"], { kind: "slow", from: 1, to: 4, ms: 250 }, "slow 1→4 by 250 ms"],
  [["reset", "4", "1"], { kind: "reset", from: 4, to: 1 }, "reset 4→1"],
  [["kill", "4"], { kind: "kill", party: 4 }, "kill 4"],
  [["hang", "4"], { kind: "hang", party: 4 }, "hang 4"],
  [["expire-cert", "3"], { kind: "expire-cert", party: 3 }, "expire-cert 3"],
  [["wrong-release", "2"], { kind: "wrong-release", party: 2 }, "wrong-release 2"],
  [["cn-mismatch", "2"], { kind: "cn-mismatch", party: 2 }, "cn-mismatch 2"],
  [["enclave-stopped", "3"], { kind: "enclave-stopped", party: 3 }, "enclave-stopped 3"],
  [["rate-limit", "2"], { kind: "rate-limit", party: 2 }, "rate-limit 2"],
  [["skew-clock", "3", "7200"], { kind: "skew-clock", party: 3, seconds: 7200 }, "skew-clock 3 by 7200 s ahead"],
  [["skew-clock", "3", "-60"], { kind: "skew-clock", party: 3, seconds: -60 }, "skew-clock 3 by 60 s behind"],
  [["no-prss", "2"], { kind: "no-prss", party: 2 }, "no-prss 2"],
  [["pending-endpoint", "2", "3"], { kind: "pending-endpoint", party: 2, peer: 3 }, "pending-endpoint 2→3"],
  [["firewall", "2", "3"], { kind: "firewall", party: 2, peer: 3 }, "firewall 2→3"],
  [["dns-lost", "2", "3"], { kind: "dns-lost", party: 2, peer: 3 }, "dns-lost 2→3"],
  [["small-allocator", "3"], { kind: "small-allocator", party: 3 }, "small-allocator 3"],
  [["no-device-plugin", "3"], { kind: "no-device-plugin", party: 3 }, "no-device-plugin 3"],
  [["node-down", "3"], { kind: "node-down", party: 3 }, "node-down 3"],
  [["config-lost", "3"], { kind: "config-lost", party: 3 }, "config-lost 3"],
  [["token-denied", "3"], { kind: "token-denied", party: 3 }, "token-denied 3"],
  [["lose-peer-cert", "2", "3"], { kind: "lose-peer-cert", party: 2, peer: 3 }, "lose-peer-cert 2→3"],
  [["wrong-pcr", "2"], { kind: "wrong-pcr", party: 2 }, "wrong-pcr 2"],
  [["deny-vault", "2"], { kind: "deny-vault", party: 2 }, "deny-vault 2"],
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
  [["skew-clock", "3", "1.5"]],
  [["skew-clock", "3", "99999999"]],
  [["skew-clock", "-3", "60"]],
  [["firewall", "2"]],
  [["firewall", "2", "2"]],
  [["node-down", "1", "2"]],
  [["lose-peer-cert", "2", "2"]],
  [["heal", "1"]],
  [["constructor"]],
])("%j is none, and the error says what would be", (words) => {
  expect(() => parseFault(words)).toThrow(OperatorError);
  expect(() => parseFault(words)).toThrow(/^FAULT_INVALID/);
});

test.each([
  [["cut", "2"], "cut takes <from> <to>", "cut <from> <to>", "cut 2 3"],
  [["slow", "2", "3"], "slow takes <from> <to> <ms>", "slow <from> <to> <ms>", "slow 2 3 200"],
  [["slow", "2", "3", "0"], "a delay is a whole number from 1 to 60000", "slow <from> <to> <ms>", "slow 2 3 200"],
  [["kill", "x"], "<party> is a party's id, a number from 1", "kill <party>", "kill 4"],
  [["heal", "2"], "heal takes nothing more", "heal", "heal"],
  [["reset", "2", "2"], "no link leads from a party to itself", "reset <from> <to>", "reset 2 3"],
  [["expire", "2"], 'a devnet has no fault "expire"', "expire-cert <party>", "expire-cert 3"],
])("what is wrong with %j is said, with a call that is right", (words, what, expected, next) => {
  const problem = { what, found: words.join(" "), expected, next: `npx quorate devnet fault ${next}` };
  expect(() => parseFault(words)).toThrow(expect.objectContaining({ problem: { code: "FAULT_INVALID", ...problem } }));
});

test("each call that is given as right is", () => {
  for (const kind of Fault.options.map(({ shape }) => shape.kind.value)) {
    let next = "";
    try {
      parseFault([kind, "x", "x", "x", "x"]);
    } catch (error) {
      next = (error as OperatorError).problem.next;
    }
    expect(parseFault(next.replace("npx quorate devnet fault ", "").split(" ")).kind).toBe(kind);
  }
});
