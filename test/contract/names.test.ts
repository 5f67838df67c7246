import fc from "fast-check";
import { expect, expectTypeOf, test } from "vitest";
import { AccountId, Arn, Digest, NetworkName, type PartyId } from "../../contract/names.ts";
import { Pcr, sameMeasurements } from "../../contract/trusted-release.ts";

test("a brand can't be made by hand, only by parsing", () => {
  expectTypeOf<number>().not.toExtend<PartyId>();
  expectTypeOf<string>().not.toExtend<Pcr>();
  expectTypeOf<AccountId>().not.toExtend<Arn>();
  expectTypeOf<PartyId>().toExtend<number>();
});

test("a PCR is 96 hex digits in either case, and comes out in lower case", () => {
  const digits = fc.stringMatching(/^[0-9a-fA-F]{96}$/).filter((text) => !/^0+$/.test(text));
  fc.assert(fc.property(digits, (text) => Pcr.parse(text) === text.toLowerCase()));
});

test("a PCR of any other length, or with another digit, is refused", () => {
  fc.assert(fc.property(fc.stringMatching(/^[0-9a-f]{0,95}$/), (text) => !Pcr.safeParse(text).success));
  expect(Pcr.safeParse(`${"a".repeat(95)}g`).success).toBe(false);
  expect(Pcr.safeParse("0".repeat(96)).success).toBe(false);
});

test("measurements are the same only as a triple", () => {
  const [a, b] = [Pcr.parse("a".repeat(96)), Pcr.parse("b".repeat(96))];
  expect(sameMeasurements({ pcr0: a, pcr1: a, pcr2: a }, { pcr0: a, pcr1: a, pcr2: a })).toBe(true);
  expect(sameMeasurements({ pcr0: a, pcr1: a, pcr2: a }, { pcr0: a, pcr1: a, pcr2: b })).toBe(false);
});

test("ids of accounts keep their leading zeros", () => {
  expect(AccountId.parse("000000000012")).toBe("000000000012");
  expect(AccountId.safeParse("12").success).toBe(false);
});

test.each([
  ["arn:aws:iam::100000000001:role/core", true],
  ["arn:aws:s3:::bucket", true],
  ["arn:aws-us-gov:kms:us-gov-west-1:100000000001:key/1", true],
  ["arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy", true],
  ["role/core", false],
  ["arn:aws:iam::12:role/core", false],
])("%s is an ARN: %s", (text, accepted) => {
  expect(Arn.safeParse(text).success).toBe(accepted);
});

test("names that reach file names are lower-case words", () => {
  expect(NetworkName.safeParse("zama-mainnet").success).toBe(true);
  for (const name of ["", "../etc", "Zama", "a--b", "-a", "a".repeat(41)])
    expect(NetworkName.safeParse(name).success, name).toBe(false);
  expect(Digest.safeParse("sha256:abc").success).toBe(false);
});
