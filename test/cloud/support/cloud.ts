import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EC2Client } from "@aws-sdk/client-ec2";
import { EKSClient } from "@aws-sdk/client-eks";
import { KMSClient } from "@aws-sdk/client-kms";
import { S3Client } from "@aws-sdk/client-s3";
import { STSClient } from "@aws-sdk/client-sts";
import { CloudConfig } from "../../../devnet/cloud/config.ts";
import { Credentials } from "../../../devnet/cloud/credentials.ts";
import { serveHttp } from "../../../devnet/cloud/http.ts";
import { CloudStore } from "../../../devnet/cloud/store.ts";

export const region = "eu-west-1";
export const controlToken = "a-control-token-of-this-test";

export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Account of party `n`, as devnetd would configure it. */
export function accountOf(n: number, more: { serviceAccountPublicKeyPem?: string } = {}) {
  return {
    accountId: `10000000000${n}`,
    partyId: n,
    profile: `devnet-party-${n}`,
    accessKeyId: `AKIADEVNETPARTY0000${n}`,
    secretAccessKey: `secret-of-party-${n}-${"x".repeat(20)}`,
    region,
    cluster: {
      endpoint: `https://127.0.0.1:1`,
      caData: Buffer.from("no certificate").toString("base64"),
      adminKubeconfig: "/nonexistent",
      version: "1.33",
      ...more,
    },
    vpc: {
      vpcId: `vpc-000000000000001${n}`,
      subnets: ["a", "b"].map((zone, index) => ({
        id: `subnet-00000000000000${n}${zone}`,
        az: `${region}${zone}`,
        mapPublicIpOnLaunch: false,
        cidr: `10.${n}.${index}.0/24`,
      })),
    },
  };
}

export const operatorKeys = (n: number): Keys => {
  const { accessKeyId, secretAccessKey } = accountOf(n);
  return { accessKeyId, secretAccessKey };
};

/** Config of a cloud with two accounts in a directory of its own. */
export function cloudConfig(dir: string, change: Record<string, unknown> = {}): CloudConfig {
  return CloudConfig.parse({
    k: 1,
    dir: join(dir, "store"),
    httpHost: "127.0.0.1",
    httpPort: 0,
    portsFile: join(dir, "ports.json"),
    controlToken,
    accounts: [accountOf(1), accountOf(2)],
    endpointServices: { "com.amazonaws.vpce.eu-west-1.vpce-svc-00000000000000002": 2 },
    ...change,
  });
}

/** Store and HTTP front end in this process, with a clock that a test can move. */
export async function startCloud(change: Record<string, unknown> = {}) {
  const dir = await mkdtemp(join(tmpdir(), "quorate-cloud-"));
  const config = cloudConfig(dir, change);
  const store = await CloudStore.open(config.dir);
  let offsetMs = 0;
  const now = () => new Date(Date.now() + offsetMs);
  const credentials = new Credentials(config.dir, config.accounts, now);
  const context = { store, config, credentials, now, isReady: () => true };
  const http = await serveHttp(context, { host: config.httpHost, port: 0 });
  return {
    dir,
    config,
    store,
    endpoint: `http://127.0.0.1:${http.port}`,
    advanceClock: (ms: number) => {
      offsetMs += ms;
    },
    async [Symbol.asyncDispose]() {
      await http.close();
      await store.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** The ordinary SDK against the simulated endpoint. */
export function clients(endpoint: string, credentials: Keys) {
  const options = { endpoint, region, credentials, maxAttempts: 1 };
  return {
    s3: new S3Client({ ...options, forcePathStyle: true }),
    kms: new KMSClient(options),
    sts: new STSClient(options),
    ec2: new EC2Client(options),
    eks: new EKSClient(options),
  };
}
