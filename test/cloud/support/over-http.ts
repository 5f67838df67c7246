import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";
import { Credentials } from "../../../devnet/cloud/credentials.ts";
import { serveHttp } from "../../../devnet/cloud/http.ts";
import { cloudConfig } from "./cloud.ts";
import type { TestCloud } from "./providers-stack.ts";

/** Serves a simulated cloud to AWS clients of this process too, as the operator of its first account. The environment is put back by `vi.unstubAllEnvs`. */
export async function overHttp(cloud: TestCloud): Promise<{ close(): Promise<void> }> {
  const config = cloudConfig(cloud.dir, { accounts: cloud.accounts });
  const now = () => new Date();
  const credentials = new Credentials(cloud.dir, config.accounts, now);
  const context = { store: cloud.store, config, credentials, now, isReady: () => true };
  const http = await serveHttp(context, { host: "127.0.0.1", port: 0 });
  const file = join(cloud.dir, "credentials");
  const profiles = cloud.accounts.map(
    ({ profile, accessKeyId, secretAccessKey }) =>
      `[${profile}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
  );
  writeFileSync(file, profiles.join("\n"), { mode: 0o600 });
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", file);
  vi.stubEnv("AWS_CONFIG_FILE", join(cloud.dir, "none"));
  vi.stubEnv("AWS_ENDPOINT_URL", `http://127.0.0.1:${http.port}`);
  return { close: () => http.close() };
}
