import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { parse } from "yaml";

/** One cluster as one user of a kubeconfig sees it. */
export interface KubeAccess {
  server: string;
  caPem: string | undefined;
  serverName: string | undefined;
  skipVerify: boolean;
  namespace: string | undefined;
  /** A fresh credential; `renew` after the server refused the last one. */
  credential(renew?: boolean): Promise<KubeCredential>;
}

export type KubeCredential = { token: string } | { certPem: string; keyPem: string } | Record<string, never>;

interface ExecUser {
  apiVersion: string;
  command: string;
  args?: string[] | null;
  env?: { name: string; value: string }[] | null;
}

interface KubeUser {
  token?: string;
  tokenFile?: string;
  "client-certificate-data"?: string;
  "client-certificate"?: string;
  "client-key-data"?: string;
  "client-key"?: string;
  exec?: ExecUser;
}

interface KubeCluster {
  server: string;
  "certificate-authority-data"?: string;
  "certificate-authority"?: string;
  "insecure-skip-tls-verify"?: boolean;
  "tls-server-name"?: string;
}

interface Kubeconfig {
  "current-context"?: string;
  contexts?: { name: string; context: { cluster: string; user: string; namespace?: string } }[];
  clusters?: { name: string; cluster: KubeCluster }[];
  users?: { name: string; user: KubeUser }[];
}

/** Reads a kubeconfig (YAML or JSON text) for one of its contexts. `env` is what an exec plugin gets besides its own. */
export function readKubeconfig(
  text: string,
  options: { context?: string | undefined; env?: { readonly [name: string]: string } } = {},
): KubeAccess {
  const config = parse(text) as Kubeconfig | null;
  if (!config || typeof config !== "object") throw new Error("invalid kubeconfig: neither YAML nor JSON of an object");
  const contextName = options.context ?? config["current-context"];
  const context = config.contexts?.find(({ name }) => name === contextName)?.context;
  if (!context) throw new Error(`invalid kubeconfig: there is no context "${contextName ?? ""}"`);
  const cluster = config.clusters?.find(({ name }) => name === context.cluster)?.cluster;
  if (!cluster?.server) throw new Error(`invalid kubeconfig: there is no cluster "${context.cluster}"`);
  const user = config.users?.find(({ name }) => name === context.user)?.user ?? {};
  return {
    server: cluster.server,
    caPem: pem(cluster["certificate-authority-data"], cluster["certificate-authority"]),
    serverName: cluster["tls-server-name"],
    skipVerify: cluster["insecure-skip-tls-verify"] === true,
    namespace: context.namespace,
    credential: (renew) => credential(user, options.env ?? {}, renew === true),
  };
}

function pem(data: string | undefined, path: string | undefined): string | undefined {
  if (data) return Buffer.from(data, "base64").toString("utf8");
  return path ? readFileSync(path, "utf8") : undefined;
}

async function credential(
  user: KubeUser,
  env: { readonly [name: string]: string },
  renew: boolean,
): Promise<KubeCredential> {
  if (user.exec) return execCredential(user.exec, env, renew);
  if (user.token) return { token: user.token };
  if (user.tokenFile) return { token: readFileSync(user.tokenFile, "utf8").trim() };
  const certPem = pem(user["client-certificate-data"], user["client-certificate"]);
  const keyPem = pem(user["client-key-data"], user["client-key"]);
  return certPem && keyPem ? { certPem, keyPem } : {};
}

// By command, arguments and environment, for all engines: thirteen of them together run each command once.
const cached = new Map<string, Promise<{ credential: KubeCredential; expiresAt: number }>>();
const renewBeforeMs = 60_000;
const execTimeoutMs = 60_000;
/** A token without an expiry is kept for as long as client-go would keep it: not beyond a refusal; here no longer than this. */
const withoutExpiryMs = 600_000;

async function execCredential(
  exec: ExecUser,
  env: { readonly [name: string]: string },
  renew: boolean,
): Promise<KubeCredential> {
  const key = JSON.stringify([exec, env]);
  const known = renew ? undefined : cached.get(key);
  if (known) {
    const found = await known;
    if (found.expiresAt - renewBeforeMs > Date.now()) return found.credential;
  }
  // Whoever came first has already started a new one.
  const current = cached.get(key);
  const running = current && current !== known && !renew ? current : runExec(exec, env);
  cached.set(key, running);
  try {
    return (await running).credential;
  } catch (error) {
    if (cached.get(key) === running) cached.delete(key);
    throw error;
  }
}

/** The project itself: an exec plugin that imports it by name has to start inside. */
const projectDir = join(import.meta.dirname, "../../../..");

function runExec(exec: ExecUser, env: { readonly [name: string]: string }) {
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    ...env,
    ...Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value])),
    KUBERNETES_EXEC_INFO: JSON.stringify({
      apiVersion: exec.apiVersion,
      kind: "ExecCredential",
      spec: { interactive: false },
    }),
  };
  environment.PATH = [dirname(process.execPath), environment.PATH ?? ""].join(delimiter);
  return new Promise<{ credential: KubeCredential; expiresAt: number }>((resolve, reject) => {
    const options = { env: environment, cwd: projectDir, timeout: execTimeoutMs, maxBuffer: 1 << 20 };
    const child = execFile(exec.command, exec.args ?? [], options, (error, stdout, stderr) => {
      if (error)
        reject(new Error(`getting credentials: exec: ${exec.command} failed: ${stderr.trim() || error.message}`));
      else
        try {
          resolve(parseExecCredential(stdout));
        } catch (cause) {
          reject(
            new Error(`getting credentials: decoding stdout of ${exec.command}: not an ExecCredential`, { cause }),
          );
        }
    });
    child.stdin?.end();
  });
}

function parseExecCredential(stdout: string): { credential: KubeCredential; expiresAt: number } {
  const { status } = JSON.parse(stdout) as {
    status: {
      token?: string;
      clientCertificateData?: string;
      clientKeyData?: string;
      expirationTimestamp?: string;
    };
  };
  const expiresAt = status.expirationTimestamp ? Date.parse(status.expirationTimestamp) : Date.now() + withoutExpiryMs;
  if (status.token) return { credential: { token: status.token }, expiresAt };
  if (!status.clientCertificateData || !status.clientKeyData) throw new Error("neither a token nor a certificate");
  return { credential: { certPem: status.clientCertificateData, keyPem: status.clientKeyData }, expiresAt };
}
