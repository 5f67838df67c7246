import { expect, test } from "vitest";
import { LogBucket, type LogBucketArgs } from "../../components/aws/log-bucket.ts";
import { onMockStack } from "../support/mocks.ts";

const account = "100000000001";
const trailArn = `arn:aws:cloudtrail:eu-west-1:${account}:trail/party-1`;

const logs = (args: Partial<LogBucketArgs> = {}) =>
  onMockStack(() => new LogBucket("l", { bucketName: "logs", accountId: account, ...args }));

interface Statement {
  Sid: string;
  Effect: string;
  Principal: unknown;
  Resource: unknown;
  Condition?: object;
}

const statements = async (args?: Partial<LogBucketArgs>): Promise<Statement[]> =>
  JSON.parse((await logs(args)).get("l-policy").inputs.policy).Statement;

test("a log bucket is closed, versioned, encrypted, never emptied, and keeps its logs for 400 days", async () => {
  const stack = await logs();
  for (const resource of stack.resources.filter(({ name }) => name !== "l"))
    expect([resource.name, resource.parent]).toEqual([resource.name, stack.get("l").urn]);
  expect(stack.get("l-bucket").inputs).toMatchObject({ bucket: "logs", forceDestroy: false });
  expect(stack.get("l-versioning").inputs.versioningConfiguration.status).toBe("Enabled");
  expect(stack.get("l-encryption").inputs.rules).toHaveLength(1);
  expect(Object.values(stack.get("l-access-block").inputs).filter((value) => value === true)).toHaveLength(4);
  expect(stack.get("l-lifecycle").inputs.rules[1].expiration).toEqual({ days: 400 });
});

test("S3's log delivery may write, for this account alone; without TLS nobody may anything", async () => {
  expect(await statements()).toEqual([
    {
      Sid: "AccessLogs",
      Effect: "Allow",
      Principal: { Service: "logging.s3.amazonaws.com" },
      Action: "s3:PutObject",
      Resource: "arn:aws:s3:::logs/access/*",
      Condition: { StringEquals: { "aws:SourceAccount": account } },
    },
    expect.objectContaining({ Sid: "TlsOnly", Effect: "Deny" }),
  ]);
});

test("a trail may write its own account's files, and no other trail may", async () => {
  const trail = (await statements({ trailArn })).filter(({ Sid }) => Sid.startsWith("Trail"));
  expect(trail).toHaveLength(2);
  for (const { Condition } of trail) expect(Condition).toMatchObject({ StringEquals: { "aws:SourceArn": trailArn } });
  expect(trail[1]?.Resource).toBe(`arn:aws:s3:::logs/trail/AWSLogs/${account}/*`);
});

test("logs that go before an intrusion is found are refused", async () => {
  await expect(logs({ retentionDays: 30 })).rejects.toMatchObject({ errors: [{ propertyPath: "retentionDays" }] });
});
