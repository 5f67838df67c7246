import { expect, test } from "vitest";
import { tallyOf } from "../../tools/run-tests.mjs";

const report = (passed: number, failed: number, testResults: unknown[] = []) => ({
  numPassedTests: passed,
  numFailedTests: failed,
  testResults,
});

test("passed and failed are what vitest counted", () => {
  expect(tallyOf(report(12, 0), 0)).toEqual({ passed: 12, failed: 0 });
  expect(tallyOf(report(12, 3), 1)).toEqual({ passed: 12, failed: 3 });
});

test("a file that does not load counts as one failure", () => {
  const unloaded = { status: "failed", assertionResults: [] };
  expect(tallyOf(report(12, 1, [unloaded]), 1)).toEqual({ passed: 12, failed: 2 });
});

test("a run that fails for another reason, such as an unhandled rejection, counts as one failure", () => {
  expect(tallyOf(report(12, 0), 1)).toEqual({ passed: 12, failed: 1 });
});

test("no tests at all is a failure, and so is no report", () => {
  expect(tallyOf(report(0, 0), 0)).toEqual({ passed: 0, failed: 1 });
  expect(tallyOf(undefined, 0)).toEqual({ passed: 0, failed: 1 });
});
