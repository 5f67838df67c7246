import { afterAll } from "vitest";

// Pulumi's SDK asks for the stack at each resource and each promise, in case a program ends before its promises do. Mapped to the sources,
// those many thousand stacks took two thirds of the time of building a party. An error that says something keeps its lines.
const before = Error.prepareStackTrace;
if (before !== undefined)
  Error.prepareStackTrace = (error, frames) =>
    error.message === "" && frames[0]?.getFileName()?.includes("/node_modules/@pulumi/pulumi/")
      ? String(error)
      : before(error, frames);

afterAll(() => {
  Error.prepareStackTrace = before;
});
