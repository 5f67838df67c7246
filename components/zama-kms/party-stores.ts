import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { vaultPrefixes } from "../../contract/stack-config.ts";
import { AuditTrail, trailArnOf } from "../aws/audit-trail.ts";
import { LogBucket } from "../aws/log-bucket.ts";
import { Vault } from "../aws/vault.ts";
import type { PartyArgs } from "./party-args.ts";

export interface Vaults {
  public: Vault;
  private: Vault;
  prefixes: { public: string; private: string };
  /** Bucket with what is written down of who used vaults and keys. */
  logBucketName: pulumi.Output<string> | undefined;
}

/** How the name of a vault begins, which is known before it is made. */
export function beginningOf({ config }: Pick<PartyArgs, "config">, kind: "logs" | "public" | "private"): string {
  return `${config.vaults?.bucketPrefix ?? "mpc-vault"}-${kind}`;
}

/** The two vaults of a party, and what is written down of who used them. */
export function createVaults(parent: pulumi.Resource, name: string, args: PartyArgs): Vaults {
  const { config, party } = args;
  const suffix = new random.RandomId(`${name}-vault-suffix`, { byteLength: 4 }, { parent });
  const bucketName = (kind: "logs" | "public" | "private") =>
    pulumi.interpolate`${beginningOf(args, kind)}-${suffix.hex}`;
  const logs = createLogs(parent, name, args, bucketName("logs"));
  const vault = (role: "public" | "private") =>
    new Vault(
      `${name}-${role}-vault`,
      {
        role,
        bucketName: bucketName(role),
        region: config.region,
        ...(logs && config.audit.accessLog ? { logBucketName: logs.bucketName } : {}),
        ...(config.vaults ? { supersededVersionDays: config.vaults.supersededVersionDays } : {}),
      },
      { parent },
    );
  const vaults = { public: vault("public"), private: vault("private") };
  if (logs && config.audit.trail)
    new AuditTrail(
      `${name}-audit`,
      {
        trailName: trailName(args),
        logBucketName: logs.bucketName,
        bucketArns: [vaults.public.bucketArn, vaults.private.bucketArn],
      },
      { parent },
    );
  return { ...vaults, prefixes: vaultPrefixes(config, party.id), logBucketName: logs?.bucketName };
}

function createLogs(parent: pulumi.Resource, name: string, args: PartyArgs, bucketName: pulumi.Input<string>) {
  const { audit, accountId, region } = args.config;
  if (!audit.accessLog && !audit.trail) return undefined;
  return new LogBucket(
    `${name}-logs`,
    {
      bucketName,
      accountId,
      trailArn: audit.trail ? trailArnOf(region, accountId, trailName(args)) : undefined,
      retentionDays: audit.retentionDays,
    },
    { parent },
  );
}

function trailName({ manifest, party }: PartyArgs): string {
  return `quorate-${manifest.network}-party-${party.id}`;
}
