import { execFile } from "node:child_process";
import { request } from "node:https";
import { promisify } from "node:util";
import type * as pulumi from "@pulumi/pulumi";
import { registrySecret } from "../contract/core-guards.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { type NeededSecret, neededSecrets, type SecretReader } from "../contract/release-secrets.ts";
import { exitCodes } from "../contract/verdict.ts";
import { describeSecret } from "./optional-releases.ts";
import type { PartySettings } from "./party-settings.ts";

/** A hang: a busy machine takes seconds to start Node. */
const answerWithinMs = 60_000;

type Place = Pick<PartySettings, "config" | "manifest">;

/**
 * Looks, before a release is made or changed, whether the Secrets are there that it reads. Without them its pods would
 * never start, and nothing would say so but an event in the cluster.
 *
 * It runs while the engine works, not in a preview: the cluster, or the Secret's ExternalSecret, may be minutes old.
 */
export function secretCheck(kubeconfig: pulumi.Output<string>, place: Place) {
  return (of: SecretReader): pulumi.ResourceHookFunction | undefined => {
    const needed = neededSecrets(of, place.config, place.manifest);
    if (needed.length === 0) return undefined;
    return async () => {
      const keysOf = await openCluster(await known(kubeconfig));
      await checkSecrets(keysOf, needed, of, place);
    };
  };
}

/** Names of a Secret's keys, or undefined where there is no such Secret. */
export type KeysOf = (namespace: string, name: string) => Promise<string[] | undefined>;

/** Opens the way to a cluster, by the text of its kubeconfig. */
export type AskCluster = (kubeconfig: string) => Promise<KeysOf>;

/** Throws what an operator has to do where one of the Secrets, or one of its keys, is not there. */
export async function checkSecrets(
  keysOf: KeysOf,
  needed: readonly NeededSecret[],
  of: SecretReader,
  place: Place,
): Promise<void> {
  const missing = await missingSecrets(keysOf, needed, place.manifest.namespace);
  if (missing.length === 0) return;
  const failure = secretsMissing(missing, of, place);
  // Of a hook the engine prints the message alone.
  throw new Error(failure.render(), { cause: failure });
}

/** Those of the Secrets that are not there, or not with all of their keys. */
export async function missingSecrets(
  keysOf: KeysOf,
  needed: readonly NeededSecret[],
  namespace: string,
): Promise<Lacking[]> {
  const answers = await Promise.all(
    needed.map(async (secret) => lacking(secret, await keysOf(namespace, secret.name))),
  );
  return answers.filter((secret) => secret !== undefined);
}

/** What an operator has to do where Secrets of a release are missing. */
export function secretsMissing(
  missing: readonly Lacking[],
  of: SecretReader,
  { config, manifest: { namespace } }: Place,
): OperatorError {
  return new OperatorError({
    code: "SECRETS_MISSING",
    what: `party ${config.party} (${config.network}): ${of === "core" ? "its core" : `quorate:${of}`} reads Secrets that are not there, so its pods would not start`,
    found: missing
      .map(({ secret: { name }, absent }) => `${name}: ${absent ? `no key ${absent.join(", ")}` : "no such Secret"}`)
      .join("; "),
    expected: missing.map(({ secret }) => describeSecret(secret)).join("; "),
    next: `${missing.map((secret) => makeSecret(secret, config, namespace)).join("; ")}; then npx quorate up --party ${config.party}`,
    // Whether the program or the engine finds it.
    exitCode: exitCodes.failed,
  });
}

export interface Lacking {
  secret: NeededSecret;
  /** Keys; left out where there is no such Secret. */
  absent?: string[];
}

/** What a Secret lacks, or nothing. */
function lacking(secret: NeededSecret, there: string[] | undefined): Lacking | undefined {
  if (there === undefined) return { secret };
  const absent = secret.keys.filter((key) => !there.includes(key));
  return absent.length === 0 ? undefined : { secret, absent };
}

/** What to type. From files: what is on a command line, other people on the machine can read. */
export function makeSecret(
  { secret: { name, keys }, absent }: Lacking,
  { secrets }: Place["config"],
  namespace: string,
): string {
  const kubectl = `kubectl --namespace ${namespace}`;
  if (secrets !== undefined && "externalSecrets" in secrets)
    return `${kubectl} describe externalsecret ${name}, and correct what it is filled from`;
  const type = name === registrySecret ? " --type=kubernetes.io/dockerconfigjson" : "";
  const create = `${kubectl} create secret generic ${name}${type} ${keys.map((key) => `--from-file=${key}=<file>`).join(" ")}`;
  return absent === undefined ? create : `${kubectl} delete secret ${name}; ${create}`;
}

interface Kubeconfig {
  clusters: [{ cluster: { server: string; "certificate-authority-data": string } }];
  users: [{ user: { exec: { command: string; args: string[] } } }];
}

/** As the Kubernetes provider reaches it: by the same kubeconfig, and the token command in it. */
export const openCluster: AskCluster = async (kubeconfig) => {
  const { clusters, users } = JSON.parse(kubeconfig) as Kubeconfig;
  const { server, "certificate-authority-data": authority } = clusters[0].cluster;
  const { command, args } = users[0].user.exec;
  const { token } = (JSON.parse(await printed(command, args)) as { status: { token: string } }).status;
  const ca = Buffer.from(authority, "base64");
  return async (namespace, name) => {
    const url = new URL(`/api/v1/namespaces/${namespace}/secrets/${name}`, server);
    const { status, body } = await get(url, { ca, headers: { authorization: `Bearer ${token}` } });
    if (status === 404) return undefined;
    // Values are forgotten here.
    if (status === 200) return Object.keys((JSON.parse(body) as { data?: object }).data ?? {});
    throw new Error(`the cluster did not say whether Secret ${name} is there: status ${status} from ${url.href}`);
  };
};

/** What the token command prints. It imports this package by its name, which resolves from inside the package at least. */
async function printed(command: string, args: string[]): Promise<string> {
  const options = { timeout: answerWithinMs, cwd: import.meta.dirname };
  try {
    return (await promisify(execFile)(command, args, options)).stdout;
  } catch (failure) {
    const { killed, stderr } = failure as { killed?: boolean; stderr?: string };
    const why = killed ? `nothing within ${answerWithinMs / 1000} s` : stderr?.trim() || (failure as Error).message;
    throw new Error(`the command that gives a token for the cluster: ${why}`, { cause: failure });
  }
}

async function get(url: URL, options: object): Promise<{ status: number | undefined; body: string }> {
  return await new Promise((resolve, reject) => {
    const sent = request(url, { ...options, timeout: answerWithinMs }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode, body: Buffer.concat(chunks).toString("utf8") }));
    });
    sent.on("timeout", () => sent.destroy(new Error(`${url.host} did not answer within ${answerWithinMs / 1000} s`)));
    sent.on("error", reject);
    sent.end();
  });
}

/** Of something that is deployed, or is being deployed; in a preview it may never be known. */
export async function known<T>(output: pulumi.Output<T>): Promise<T> {
  return await new Promise((resolve) => {
    output.apply(resolve);
  });
}
