import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import { toolPath } from "../../../tool-path.ts";
import { checkInputs } from "../check-inputs.ts";
import { diffInputs } from "../diff-inputs.ts";
import { type Connection, InitFailed } from "../package-server.ts";
import { keepSecret, type Properties, reveal, same, unknown } from "../property-values.ts";
import { type ResourceShape, resourceTable } from "../resource-table.ts";
import type { KubeAccess } from "./kubeconfig.ts";

export const releaseType = "kubernetes:helm.sh/v3:Release";
const defaultTimeoutSeconds = 300;
/** Helm has its own time limit; this one is for a Helm that hangs. */
const graceMs = 30_000;

export interface ReleaseSettings {
  access: KubeAccess;
  namespace: string;
  /** `helmReleaseSettings` of the provider. */
  helm: Properties;
}

interface ReleaseMetadata {
  name: string;
  namespace: string;
  chart: string;
  version: string;
  appVersion: string;
  revision: number;
  status: string;
}

/** Helm releases, through the real helm. */
export function releaseConnection(
  settings: ReleaseSettings,
): Pick<Connection, "check" | "diff" | "create" | "read" | "update" | "delete"> {
  const shape = resourceTable[releaseType] as ResourceShape;

  const place = (inputs: Properties) => ({
    name: String(reveal(inputs.name)),
    namespace: String(reveal(inputs.namespace) ?? settings.namespace),
  });

  const upgrade = async (inputs: Properties, call: { timeoutSeconds: number; signal: AbortSignal }) => {
    const plain = reveal(inputs);
    const { name, namespace } = place(inputs);
    const timeoutSeconds = Number(plain.timeout ?? 0) || call.timeoutSeconds || defaultTimeoutSeconds;
    await using helm = await helmFor(settings, namespace, call.signal);
    await clearPending(helm, name);
    const problem = await helm
      .run(["upgrade", name, ...upgradeArgs(plain, helm.writeValues(valuesOf(plain)), timeoutSeconds)], timeoutSeconds)
      .then(
        () => undefined,
        (error: Error) => error,
      );
    const metadata = await describe(helm, name);
    if (!metadata) throw problem ?? new Error(`helm installed ${name} and does not find it`);
    const outputs = keepSecret(await outputsOf(helm, metadata, plain), inputs);
    const id = `${namespace}/${name}`;
    if (problem) throw new InitFailed(id, outputs, inputs, [problem.message]);
    return { id, outputs };
  };

  return {
    check(call, request) {
      const result = checkInputs(shape, { ...request, name: call.name });
      if (result.inputs.namespace === undefined) result.inputs.namespace = settings.namespace;
      return result;
    },
    diff(_call, { oldInputs, newInputs, ignoreChanges }) {
      const result = diffInputs(shape, oldInputs, newInputs, ignoreChanges);
      return { ...result, deleteBeforeReplace: same(oldInputs.name, newInputs.name) };
    },
    async create(call, { inputs, preview }) {
      const { __defaults: _bookkeeping, ...known } = inputs;
      if (preview) return { id: "", outputs: { ...known, status: unknown, resourceNames: unknown } };
      return upgrade(inputs, call);
    },
    async read(call, { id, inputs, state }) {
      const [namespace = "", name = ""] = id.split("/");
      await using helm = await helmFor(settings, namespace, call.signal);
      const metadata = await describe(helm, name);
      if (!metadata) return undefined;
      const values = JSON.parse(await helm.run(["get", "values", name, "--output", "json"])) as Properties | null;
      const old = reveal(Object.keys(inputs).length > 0 ? inputs : state);
      const live: Properties = { ...inputs, name, namespace };
      if (!same(valuesOf(old), values ?? {})) live.values = values ?? {};
      const imported = Object.keys(inputs).length === 0;
      if (imported || (inputs.version !== undefined && !same(inputs.version, metadata.version)))
        live.version = metadata.version;
      if (live.chart === undefined) live.chart = metadata.chart;
      const outputs = keepSecret(await outputsOf(helm, metadata, { ...reveal(state), ...reveal(live) }), inputs);
      return { id, inputs: keepSecret(live, inputs), outputs };
    },
    async update(call, { inputs, state, preview }) {
      const { __defaults: _bookkeeping, ...known } = inputs;
      if (preview) return { ...state, ...known, status: unknown, resourceNames: unknown };
      return (await upgrade(inputs, call)).outputs;
    },
    async delete(call, { id, inputs }) {
      const [namespace = "", name = ""] = id.split("/");
      await using helm = await helmFor(settings, namespace, call.signal);
      const timeoutSeconds = Number(reveal(inputs.timeout) ?? 0) || call.timeoutSeconds || defaultTimeoutSeconds;
      const wait = inputs.skipAwait === true ? [] : ["--wait"];
      await helm.run(
        ["uninstall", name, "--ignore-not-found", "--timeout", `${timeoutSeconds}s`, ...wait],
        timeoutSeconds,
      );
    },
  };
}

/** Inputs of the release in helm's flags. */
function upgradeArgs(inputs: Properties, valuesFile: string, timeoutSeconds: number): string[] {
  const repository = (inputs.repositoryOpts ?? {}) as Properties;
  const options: { [flag: string]: unknown } = {
    "--version": inputs.version,
    "--repo": repository.repo,
    "--username": repository.username,
    "--ca-file": repository.caFile,
    "--cert-file": repository.certFile,
    "--key-file": repository.keyFile,
    "--description": inputs.description,
    "--history-max": inputs.maxHistory,
    "--keyring": inputs.keyring,
  };
  const switches: { [flag: string]: unknown } = {
    "--create-namespace": inputs.createNamespace,
    "--wait": inputs.skipAwait !== true,
    "--wait-for-jobs": inputs.waitForJobs === true && inputs.skipAwait !== true,
    "--rollback-on-failure": inputs.atomic,
    "--cleanup-on-fail": inputs.cleanupOnFail,
    "--dependency-update": inputs.dependencyUpdate,
    "--devel": inputs.devel,
    "--no-hooks": inputs.disableWebhooks,
    "--disable-openapi-validation": inputs.disableOpenapiValidation,
    "--force-replace": inputs.forceUpdate,
    "--render-subchart-notes": inputs.renderSubchartNotes,
    "--reset-values": inputs.resetValues,
    "--reuse-values": inputs.reuseValues,
    "--skip-crds": inputs.skipCrds,
    "--take-ownership": inputs.takeOwnership,
    "--verify": inputs.verify,
  };
  return [
    String(inputs.chart),
    "--install",
    "--values",
    valuesFile,
    "--timeout",
    `${timeoutSeconds}s`,
    ...Object.entries(options).flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)])),
    ...Object.entries(switches).flatMap(([flag, value]) => (value === true ? [flag] : [])),
  ];
}

/** Values files first, then the values of the program: the later ones win. */
function valuesOf(inputs: Properties): Properties {
  const files = ((inputs.valueYamlFiles as { text?: string; path?: string }[] | undefined) ?? []).map((asset) =>
    asset.text === undefined ? readFileSync(String(asset.path), "utf8") : asset.text,
  );
  const documents = files.flatMap((file) => parseAllDocuments(file).map((each) => each.toJSON() as Properties));
  const merged = [...documents, (inputs.values ?? {}) as Properties].reduce(merge, {});
  return (inputs.allowNullValues === true ? merged : withoutNulls(merged)) as Properties;
}

function merge(base: Properties, over: Properties): Properties {
  const result = { ...base };
  for (const [name, value] of Object.entries(over ?? {})) {
    const under = result[name];
    result[name] = isObject(under) && isObject(value) ? merge(under, value) : value;
  }
  return result;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, field]) => (field === null ? [] : [[name, withoutNulls(field)]])),
  );
}

const isObject = (value: unknown): value is Properties =>
  typeof value === "object" && value !== null && !Array.isArray(value);

async function outputsOf(helm: Helm, metadata: ReleaseMetadata, inputs: Properties): Promise<Properties> {
  const { __defaults: _bookkeeping, ...given } = inputs;
  const manifest = await helm.run(["get", "manifest", metadata.name]);
  const { name, namespace, chart, version, appVersion, revision, status } = metadata;
  return {
    ...given,
    name,
    namespace,
    version: given.version ?? version,
    status: { name, namespace, chart, version, appVersion, revision, status },
    resourceNames: resourceNames(manifest, namespace),
  };
}

/** `StatefulSet.apps/v1` to the names of those that the release made. */
function resourceNames(manifest: string, namespace: string): { [kind: string]: string[] } {
  const result: { [kind: string]: string[] } = {};
  for (const document of parseAllDocuments(manifest)) {
    const object = document.toJSON() as {
      apiVersion?: string;
      kind?: string;
      metadata?: { name?: string; namespace?: string };
    } | null;
    if (!object?.kind || !object.apiVersion) continue;
    const [group, version] = object.apiVersion.includes("/") ? object.apiVersion.split("/") : ["", object.apiVersion];
    const key = group ? `${object.kind}.${group}/${version}` : `${object.kind}/${version}`;
    const names = result[key] ?? [];
    names.push(`${object.metadata?.namespace ?? namespace}/${object.metadata?.name}`);
    result[key] = names;
  }
  return result;
}

async function describe(helm: Helm, name: string): Promise<ReleaseMetadata | undefined> {
  try {
    return JSON.parse(await helm.run(["get", "metadata", name, "--output", "json"])) as ReleaseMetadata;
  } catch (error) {
    if (/release: not found/.test((error as Error).message)) return undefined;
    throw error;
  }
}

/** A helm that was killed leaves its release pending, and the next one refuses to touch it: "another operation is in progress". */
async function clearPending(helm: Helm, name: string): Promise<void> {
  const status = (await describe(helm, name))?.status;
  if (status === "pending-install") await helm.run(["uninstall", name]);
  else if (status === "pending-upgrade" || status === "pending-rollback") await helm.run(["rollback", name]);
}

interface Helm extends AsyncDisposable {
  run(args: string[], timeoutSeconds?: number): Promise<string>;
  writeValues(values: Properties): string;
}

/** Helm with a kubeconfig of its own that holds the credential, in files that nobody else can read and that go away. */
async function helmFor(settings: ReleaseSettings, namespace: string, signal: AbortSignal): Promise<Helm> {
  const { access } = settings;
  const credential = await access.credential();
  const dir = mkdtempSync(join(tmpdir(), "quorate-helm-"));
  const kubeconfig = join(dir, "kubeconfig");
  const user =
    "token" in credential
      ? { token: credential.token }
      : "certPem" in credential
        ? {
            "client-certificate-data": Buffer.from(String(credential.certPem)).toString("base64"),
            "client-key-data": Buffer.from(String(credential.keyPem)).toString("base64"),
          }
        : {};
  const cluster = {
    server: access.server,
    ...(access.caPem !== undefined && {
      "certificate-authority-data": Buffer.from(access.caPem).toString("base64"),
    }),
    ...(access.serverName !== undefined && { "tls-server-name": access.serverName }),
    ...(access.skipVerify && { "insecure-skip-tls-verify": true }),
  };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "cluster", cluster }],
    users: [{ name: "user", user }],
    contexts: [{ name: "context", context: { cluster: "cluster", user: "user" } }],
    "current-context": "context",
  };
  writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  const settingFlags = Object.entries({
    "--registry-config": settings.helm.registryConfigPath,
    "--repository-cache": settings.helm.repositoryCache,
    "--repository-config": settings.helm.repositoryConfigPath,
  }).flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)]));
  const env = {
    ...process.env,
    HELM_DRIVER: String(settings.helm.driver ?? "secret"),
    // Releases of many parties at once: each helm keeps what it learns of its cluster to itself.
    HELM_CACHE_HOME: join(dir, "cache"),
  };
  return {
    run: (args, timeoutSeconds = 60) =>
      new Promise((resolve, reject) => {
        const all = [...args, "--kubeconfig", kubeconfig, "--namespace", namespace, ...settingFlags];
        const options = { env, signal, timeout: timeoutSeconds * 1000 + graceMs, maxBuffer: 64 << 20 };
        execFile(toolPath("helm"), all, options, (error, stdout, stderr) => {
          if (!error) resolve(stdout);
          else reject(new Error(`helm ${args[0]}: ${lastWords(stderr) || error.message}`, { cause: error }));
        });
      }),
    writeValues(values) {
      const path = join(dir, `values-${randomBytes(4).toString("hex")}.yaml`);
      writeFileSync(path, stringify(values), { mode: 0o600 });
      return path;
    },
    async [Symbol.asyncDispose]() {
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Helm's error, without its warnings and log lines. */
const lastWords = (stderr: string) =>
  stderr
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(WARNING|level=|time=|I\d{4} |W\d{4} )/.test(line))
    .join("\n")
    .replace(/^Error: /, "");
