import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { OperatorError } from "../../contract/operator-error.ts";
import { PartyOutputs } from "../../contract/party-outputs.ts";
import example from "../../docs/party-outputs.example.json" with { type: "json" };
import { callerOf, findCluster, tokenFor } from "../../fleet/cluster-access.ts";

const outputs = PartyOutputs.parse(example);
const secret = "aSecretThatNobodyMaySee0123456789abcdefg";
/** What AWS answers: a service's error, or its ordinary answer. */
let sts: { error?: string; account?: string };
let eks: { error?: string };
let aws: Server;
let folder: string;

beforeEach(async () => {
  sts = {};
  eks = {};
  aws = createServer((request, response) => {
    const isEks = request.url?.startsWith("/clusters/");
    const { error } = isEks ? eks : sts;
    const status = error === undefined ? 200 : error === "ResourceNotFoundException" ? 404 : 403;
    if (isEks) {
      response.writeHead(status, { "content-type": "application/json", "x-amzn-errortype": error ?? "" });
      response.end(JSON.stringify(error ? { message: "said by AWS" } : { cluster: { endpoint: "https://x" } }));
      return;
    }
    response.writeHead(status, { "content-type": "text/xml" });
    response.end(
      error
        ? `<ErrorResponse><Error><Type>Sender</Type><Code>${error}</Code><Message>said by AWS</Message></Error></ErrorResponse>`
        : `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::${sts.account ?? outputs.accountId}:user/somebody</Arn><Account>${sts.account ?? outputs.accountId}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
    );
  });
  await new Promise<void>((resolve) => aws.listen(0, "127.0.0.1", resolve));
  folder = await mkdtemp(join(tmpdir(), "quorate-aws-"));
  vi.stubEnv("AWS_ENDPOINT_URL", `http://127.0.0.1:${(aws.address() as AddressInfo).port}`);
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  vi.stubEnv("AWS_CONFIG_FILE", join(folder, "config"));
  await credentials(
    `[${outputs.awsProfile}]\naws_access_key_id = AKIATESTTESTTEST0001\naws_secret_access_key = ${secret}\n`,
  );
});
afterEach(async () => {
  vi.unstubAllEnvs();
  aws.closeAllConnections();
  await new Promise((resolve) => aws.close(resolve));
  await rm(folder, { recursive: true });
});

/** Under a name of its own, because the SDK remembers what it has read. */
async function credentials(text: string): Promise<void> {
  const file = join(folder, `credentials-${Math.random()}`);
  await writeFile(file, text);
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", file);
}

async function problem(of: () => Promise<unknown>): Promise<OperatorError> {
  const failure = await of().then(
    () => "it succeeded",
    (error: unknown) => error,
  );
  if (!(failure instanceof OperatorError)) throw failure;
  expect(failure.render()).not.toContain(secret);
  for (const part of ["found", "expected", "next"])
    expect(failure.render()).toMatch(new RegExp(`^ {2}${part} +\\S`, "m"));
  return failure;
}

test.each([
  ["InvalidClientTokenId", "AWS_CREDENTIALS_REFUSED"],
  ["SignatureDoesNotMatch", "AWS_CREDENTIALS_REFUSED"],
  ["ExpiredToken", "AWS_CREDENTIALS_REFUSED"],
  ["InternalFailure", "AWS_UNREACHABLE"],
])("%s is %s, and the profile to look at is named", async (error, code) => {
  sts = { error };
  eks = { error: "UnrecognizedClientException" };
  const failure = await problem(() => findCluster(outputs));
  expect(failure.problem).toMatchObject({ code, exitCode: 5 });
  expect(failure.problem.next).toContain(`--profile ${outputs.awsProfile}`);
  expect(failure.problem.found).toContain("said by AWS");
});

test("whoever is denied is named, with the action that is lacking", async () => {
  eks = { error: "AccessDeniedException" };
  const { message, problem: told } = await problem(() => findCluster(outputs));
  expect(message).toContain(`arn:aws:iam::${outputs.accountId}:user/somebody may not eks:DescribeCluster`);
  expect(told).toMatchObject({ code: "AWS_DENIED", exitCode: 5 });
});

test("keys of another party's account: that is the answer, whatever the cluster's is", async () => {
  sts = { account: "999999999999" };
  eks = { error: "ResourceNotFoundException" };
  const { problem: told } = await problem(() => findCluster(outputs));
  expect(told).toMatchObject({
    code: "ACCOUNT_MISMATCH",
    found: "999999999999, as arn:aws:iam::999999999999:user/somebody",
    exitCode: 3,
  });
});

test("the right account without the cluster", async () => {
  eks = { error: "ResourceNotFoundException" };
  expect((await problem(() => findCluster(outputs))).message).toContain(`there is no cluster ${outputs.cluster.name}`);
});

test("a profile without keys is the operator's to mend, for a token too", async () => {
  await credentials("");
  const { name: clusterName, region } = outputs.cluster;
  for (const ask of [() => findCluster(outputs), () => tokenFor({ profile: outputs.awsProfile, region, clusterName })])
    expect((await problem(ask)).problem).toMatchObject({ code: "AWS_CREDENTIALS_MISSING" });
});

test("as whom a party is acted on is AWS's word, and its refusal names the profile", async () => {
  await expect(callerOf(outputs)).resolves.toEqual({
    account: outputs.accountId,
    arn: `arn:aws:iam::${outputs.accountId}:user/somebody`,
  });
  sts = { error: "ExpiredToken" };
  await expect(callerOf(outputs)).rejects.toThrow(outputs.awsProfile);
});
