import type { PartyStack } from "../fleet/party-stacks.ts";
import { clientOptions } from "../stacks/aws-profile.ts";

/** Where this operator's AWS configuration sends S3's calls, if anywhere else than to AWS. */
export async function s3Endpoint([stack]: readonly PartyStack[]): Promise<string | undefined> {
  if (stack === undefined) return process.env.AWS_ENDPOINT_URL;
  const { awsProfile: profile, region } = stack.config;
  return (await clientOptions({ profile, region })).endpoint;
}
