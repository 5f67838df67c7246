import { loadSharedConfigFiles } from "@smithy/shared-ini-file-loader";

/** Who asks, in the words of the AWS configuration. */
export interface Profile {
  profile: string;
  region: string;
}

/**
 * What every AWS client of ours is made with. The SDK takes `endpoint_url` only from the profile that the environment names, so that of an
 * explicit profile is read here.
 */
export async function clientOptions({ profile, region }: Profile): Promise<Profile & { endpoint?: string }> {
  const endpoint = process.env.AWS_ENDPOINT_URL ?? (await loadSharedConfigFiles()).configFile[profile]?.endpoint_url;
  return { profile, region, ...(endpoint ? { endpoint } : {}) };
}
