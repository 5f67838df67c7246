import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AwsError } from "./aws-error.ts";
import type { CloudAccount } from "./config.ts";
import type { Principal } from "./policy.ts";
import type { KeyHolder } from "./signature.ts";

/** Somebody who can sign: a user or the session of a role. */
export type SigningPrincipal = Extract<Principal, { kind: "user" | "assumed-role" }>;

export interface SessionCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  expiration: Date;
}

const Session = z.strictObject({
  accessKeyId: z.string(),
  accountId: z.string(),
  arn: z.string(),
  roleArn: z.string(),
  expires: z.number(),
});

/** ARN of the operator of an account: the one user that every simulated account has. */
export function operatorArn(accountId: string): string {
  return `arn:aws:iam::${accountId}:user/operator`;
}

/**
 * Static keys of the operators, and sessions. A session token carries what it stands for, sealed with a key of this cloud, so sessions
 * outlive a restart without being written anywhere.
 */
export class Credentials {
  readonly #operators = new Map<string, KeyHolder<SigningPrincipal>>();
  readonly #sealingKey: Buffer;
  readonly #now: () => Date;

  constructor(dir: string, accounts: readonly CloudAccount[], now: () => Date) {
    this.#now = now;
    this.#sealingKey = readOrCreateKey(join(dir, "session-key"));
    for (const { accountId, accessKeyId, secretAccessKey } of accounts)
      this.#operators.set(accessKeyId, {
        secretAccessKey,
        principal: { kind: "user", accountId, arn: operatorArn(accountId) },
      });
  }

  holderOf(accessKeyId: string, sessionToken: string | undefined): KeyHolder<SigningPrincipal> {
    if (sessionToken === undefined) {
      const operator = this.#operators.get(accessKeyId);
      if (operator) return operator;
      throw new AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403);
    }
    const session = this.#unseal(sessionToken);
    if (session?.accessKeyId !== accessKeyId)
      throw new AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403);
    if (session.expires <= this.#now().getTime())
      throw new AwsError("ExpiredToken", "The security token included in the request is expired", 403);
    const { accountId, arn, roleArn } = session;
    return {
      secretAccessKey: this.#secretOf(accessKeyId),
      principal: { kind: "assumed-role", accountId, arn, roleArn },
    };
  }

  /** Keys of a session of `roleArn`, which the caller has checked that it may be assumed. */
  issue(roleArn: string, sessionName: string, durationSeconds: number): SessionCredentials & { arn: string } {
    const [, , , , accountId = "", resource = ""] = roleArn.split(":");
    const arn = `arn:aws:sts::${accountId}:assumed-role/${resource.split("/").at(-1)}/${sessionName}`;
    const accessKeyId = `ASIA${randomBytes(8).toString("hex").toUpperCase()}`;
    const expiration = new Date(this.#now().getTime() + durationSeconds * 1000);
    const payload = Buffer.from(
      JSON.stringify({ accessKeyId, accountId, arn, roleArn, expires: expiration.getTime() }),
    ).toString("base64url");
    const sessionToken = `${payload}.${this.#seal(payload)}`;
    return { accessKeyId, secretAccessKey: this.#secretOf(accessKeyId), sessionToken, expiration, arn };
  }

  #unseal(token: string): z.infer<typeof Session> | undefined {
    const [payload = "", seal = ""] = token.split(".");
    const expected = Buffer.from(this.#seal(payload));
    const found = Buffer.from(seal);
    if (found.length !== expected.length || !timingSafeEqual(found, expected)) return undefined;
    return Session.parse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
  }

  #seal(payload: string): string {
    return createHmac("sha256", this.#sealingKey).update(`token ${payload}`).digest("base64url");
  }

  #secretOf(accessKeyId: string): string {
    return createHmac("sha256", this.#sealingKey).update(`secret ${accessKeyId}`).digest("base64");
  }
}

function readOrCreateKey(path: string): Buffer {
  try {
    const key = readFileSync(path);
    if (key.length === 32) return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const key = randomBytes(32);
  const file = openSync(`${path}.new`, "w", 0o600);
  writeSync(file, key);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.new`, path);
  return key;
}
