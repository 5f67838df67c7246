import { mkdirSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { readIfThere, writeWhole } from "../files.ts";
import type { NodeConfig } from "./config.ts";

/** A party's own stores. Keys are full object keys, prefix included; values are text. */
export interface Vaults {
  read(vault: "public" | "private", key: string): Promise<string | null>;
  write(vault: "public" | "private", key: string, text: string): Promise<void>;
  list(vault: "public" | "private", prefix: string): Promise<string[]>;
}

/** S3 with the party role's credentials, or folders where the node runs without a cloud. */
export async function openVaults(config: NodeConfig): Promise<Vaults> {
  return config.aws === null ? folderVaults(join(config.stateDir, "vaults")) : s3Vaults(config, config.aws);
}

/** Object prefix of the party's own vault: from ConfigMap `mpc-party`, which leaves it empty, else KMS Core's usual one. */
export function ownPrefix(config: NodeConfig, vault: "public" | "private"): string {
  const named = config.env[`KMS_CORE__${vault.toUpperCase()}_VAULT__STORAGE__S3__PREFIX`];
  return named || `${vault === "public" ? "PUB" : "PRV"}-p${config.partyId}`;
}

function folderVaults(folder: string): Vaults {
  const files = (base: string): string[] =>
    readdirSync(base, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(base, join(entry.parentPath, entry.name)));
  return {
    read: async (vault, key) => readIfThere(join(folder, vault, key)),
    write: async (vault, key, text) => {
      mkdirSync(dirname(join(folder, vault, key)), { recursive: true, mode: 0o700 });
      writeWhole(join(folder, vault, key), text);
    },
    list: async (vault, prefix) => {
      mkdirSync(join(folder, vault), { recursive: true, mode: 0o700 });
      return files(join(folder, vault)).filter((key) => key.startsWith(prefix));
    },
  };
}

async function s3Vaults(config: NodeConfig, aws: NonNullable<NodeConfig["aws"]>): Promise<Vaults> {
  const { GetObjectCommand, ListObjectsV2Command, NoSuchKey, PutObjectCommand, S3Client } = await import(
    "@aws-sdk/client-s3"
  );
  const client = new S3Client({ ...awsClientOptions(aws), forcePathStyle: true });
  const bucketOf = (vault: "public" | "private") => {
    const name = `KMS_CORE__${vault.toUpperCase()}_VAULT__STORAGE__S3__BUCKET`;
    const bucket = config.env[name];
    if (!bucket) throw new Error(`ConfigMap mpc-party has no ${name}`);
    return bucket;
  };
  return {
    read: async (vault, key) => {
      try {
        const object = await client.send(new GetObjectCommand({ Bucket: bucketOf(vault), Key: key }));
        return (await object.Body?.transformToString()) ?? "";
      } catch (error) {
        if (error instanceof NoSuchKey) return null;
        throw error;
      }
    },
    write: async (vault, key, text) => {
      await client.send(new PutObjectCommand({ Bucket: bucketOf(vault), Key: key, Body: text }));
    },
    list: async (vault, prefix) => {
      const page = await client.send(new ListObjectsV2Command({ Bucket: bucketOf(vault), Prefix: prefix }));
      return (page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
    },
  };
}

/** How every AWS client of the node is made: the endpoint and the party role's credentials come from the devnet. */
export function awsClientOptions(aws: NonNullable<NodeConfig["aws"]>) {
  const { accessKeyId, secretAccessKey, sessionToken } = aws;
  return {
    endpoint: aws.endpoint,
    region: aws.region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) },
    maxAttempts: 2,
  };
}
