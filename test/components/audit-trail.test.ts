import { expect, test } from "vitest";
import { AuditTrail, type AuditTrailArgs } from "../../components/aws/audit-trail.ts";
import { onMockStack } from "../support/mocks.ts";

const trail = (args: Partial<AuditTrailArgs> = {}) =>
  onMockStack(
    () =>
      new AuditTrail("t", {
        trailName: "party-1",
        logBucketName: "logs",
        bucketArns: ["arn:aws:s3:::one", "arn:aws:s3:::two"],
        ...args,
      }),
  );

test("a trail covers all regions, and shows whether its files were changed", async () => {
  const stack = await trail();
  expect(stack.get("t-trail").parent).toBe(stack.get("t").urn);
  expect(stack.get("t-trail").inputs).toMatchObject({
    name: "party-1",
    s3BucketName: "logs",
    s3KeyPrefix: "trail",
    enableLogging: true,
    enableLogFileValidation: true,
    isMultiRegionTrail: true,
  });
});

test("every call to KMS is in it, and every object of either vault, read or written", async () => {
  const selectors = (await trail()).get("t-trail").inputs.advancedEventSelectors;
  expect(selectors[0].fieldSelectors).toEqual([{ field: "eventCategory", equals: ["Management"] }]);
  expect(selectors[1].fieldSelectors).toEqual([
    { field: "eventCategory", equals: ["Data"] },
    { field: "resources.type", equals: ["AWS::S3::Object"] },
    { field: "resources.ARN", startsWiths: ["arn:aws:s3:::one/", "arn:aws:s3:::two/"] },
  ]);
});

test("a trail that watches no vault, or has no name, is refused", async () => {
  await expect(trail({ trailName: "-", bucketArns: [] })).rejects.toMatchObject({
    errors: [{ propertyPath: "trailName" }, { propertyPath: "bucketArns" }],
  });
});
