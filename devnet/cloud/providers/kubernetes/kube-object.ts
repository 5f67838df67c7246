import { createHash } from "node:crypto";
import { diffInputs } from "../diff-inputs.ts";
import type { CheckResult, Connection, DiffResult, Failure } from "../package-server.ts";
import { InitFailed } from "../package-server.ts";
import { holdsSecret, type Properties, reveal, Secret, same, unknown } from "../property-values.ts";
import { awaitGone, awaitReady } from "./await-ready.ts";
import { type Kind, objectPath } from "./kinds.ts";
import { type KubeClient, KubeError, type KubeObject } from "./kube-client.ts";

export interface ObjectSettings {
  client: KubeClient;
  /** Namespace of objects that name none. */
  namespace: string;
  configMapMutable: boolean;
  secretMutable: boolean;
  patchForce: boolean;
  deleteUnreachable: boolean;
}

const fieldManager = "pulumi-kubernetes";
const autonamed = "pulumi.com/autonamed";

type Metadata = Properties & { name?: unknown; namespace?: unknown; annotations?: Properties };
const metadataOf = (inputs: Properties): Metadata => (reveal(inputs.metadata) ?? {}) as Metadata;

/** Create, read, update and delete of ordinary objects, by server-side apply. */
export function objectConnection(
  kind: Kind,
  settings: ObjectSettings,
): Pick<Connection, "check" | "diff" | "create" | "read" | "update" | "delete"> {
  const { client } = settings;

  const apply = async (inputs: Properties, signal: AbortSignal): Promise<KubeObject> => {
    const object = reveal(inputs) as unknown as KubeObject;
    const { name } = object.metadata;
    const namespace = object.metadata.namespace ?? settings.namespace;
    const force = settings.patchForce || object.metadata.annotations?.["pulumi.com/patchForce"] === "true";
    const path = `${objectPath(kind, namespace, name)}?fieldManager=${fieldManager}&force=${force}`;
    try {
      const contentType = "application/apply-patch+yaml";
      return (await client.request("PATCH", path, { body: object, contentType, signal })) as KubeObject;
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 409) throw error;
      throw new Error(
        `Server-Side Apply field conflict detected. See https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources for troubleshooting help\nThe resource managed by field manager "${fieldManager}" had an apply conflict: ${error.message}`,
        { cause: error },
      );
    }
  };

  const applyAndAwait = async (
    inputs: Properties,
    options: { timeoutSeconds: number; signal: AbortSignal },
  ): Promise<{ id: string; outputs: Properties }> => {
    const applied = await apply(inputs, options.signal);
    const id = idOf(applied);
    const { object, problems } = await awaitReady(client, kind, applied, options);
    const outputs = outputsOf(kind, object, inputs);
    if (problems.length > 0) throw new InitFailed(id, outputs, inputs, problems);
    return { id, outputs };
  };

  return {
    check: (call, { olds, news, randomSeed }) =>
      checkObject(kind, settings, { name: call.name, olds, news, randomSeed }),

    diff: (_call, { oldInputs, newInputs, ignoreChanges }) =>
      diffObject(kind, settings, oldInputs, newInputs, ignoreChanges),

    async create(call, { inputs, preview }) {
      if (preview) return { id: "", outputs: { ...inputs, status: unknown } };
      return applyAndAwait(inputs, call);
    },

    async read(call, { id, inputs, state }) {
      const [namespace, name] = id.includes("/") ? (id.split("/", 2) as [string, string]) : [settings.namespace, id];
      const path = objectPath(kind, namespace, name);
      const found = await unlessUnreachable(settings, () => client.find(path, call.signal));
      if (!found) return undefined;
      const live = withoutBookkeeping(found);
      const imported = Object.keys(inputs).length === 0;
      const liveInputs = imported ? importable(live) : (project(inputs, live, reveal(state)) as Properties);
      return { id: idOf(found), inputs: liveInputs, outputs: outputsOf(kind, found, inputs) };
    },

    async update(call, { inputs, state, preview }) {
      if (preview) return { ...state, ...inputs };
      return (await applyAndAwait(inputs, call)).outputs;
    },

    async delete(call, { id, state }) {
      const [namespace, name] = id.includes("/") ? (id.split("/", 2) as [string, string]) : [settings.namespace, id];
      const path = objectPath(kind, namespace, name);
      const annotations = metadataOf(state).annotations ?? {};
      const propagationPolicy = annotations["pulumi.com/deletionPropagationPolicy"] ?? "background";
      const policy = `${String(propagationPolicy)[0]?.toUpperCase()}${String(propagationPolicy).slice(1)}`;
      await unlessUnreachable(settings, async () => {
        try {
          await client.request("DELETE", `${path}?propagationPolicy=${policy}`, { signal: call.signal });
        } catch (error) {
          if (error instanceof KubeError && error.status === 404) return;
          throw error;
        }
        if (annotations["pulumi.com/skipAwait"] !== "true") await awaitGone(client, path, call);
      });
    },
  };
}

async function unlessUnreachable<T>(settings: ObjectSettings, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (settings.deleteUnreachable && error instanceof KubeError && error.status === 0) return undefined;
    throw error;
  }
}

function checkObject(
  kind: Kind,
  settings: ObjectSettings,
  request: { name: string; olds: Properties; news: Properties; randomSeed: Uint8Array },
): CheckResult {
  const failures: Failure[] = [];
  const { news } = request;
  for (const [field, expected] of Object.entries({ apiVersion: kind.apiVersion, kind: kind.kind }))
    if (news[field] !== undefined && news[field] !== expected)
      failures.push({ property: field, reason: `expected ${expected}, found ${String(news[field])}` });
  for (const path of kind.required)
    if (at(news, path) === undefined)
      failures.push({ property: path, reason: `missing required field "${path}" of ${kind.kind}` });
  const secret = news.metadata instanceof Secret;
  const given = (secret ? (news.metadata as Secret).value : (news.metadata ?? {})) as Metadata | typeof unknown;
  if (given === unknown) return { inputs: news, failures };
  const metadata: Metadata = { ...(given as Metadata) };
  if (metadata.name === undefined && metadata.generateName === undefined) {
    const old = metadataOf(request.olds);
    const keep = (old.annotations as Properties | undefined)?.[autonamed] === "true";
    const hex = createHash("sha256").update(request.randomSeed).update(request.name).digest("hex").slice(0, 8);
    metadata.name = keep ? old.name : `${request.name.toLowerCase()}-${hex}`;
    metadata.annotations = { ...metadata.annotations, [autonamed]: "true" };
  }
  if (kind.namespaced && metadata.namespace === undefined) metadata.namespace = settings.namespace;
  const { apiVersion, kind: name } = kind;
  return { inputs: { ...news, apiVersion, kind: name, metadata: secret ? new Secret(metadata) : metadata }, failures };
}

function diffObject(
  kind: Kind,
  settings: ObjectSettings,
  olds: Properties,
  news: Properties,
  ignoreChanges: string[],
): DiffResult {
  const { detailed } = diffInputs({ replaces: [], inputs: {} }, olds, news, ignoreChanges);
  const mutable =
    (kind.kind === "ConfigMap" && settings.configMapMutable) || (kind.kind === "Secret" && settings.secretMutable);
  const immutable = ["metadata.name", "metadata.namespace", ...(mutable ? [] : kind.replaces)];
  let replaced = false;
  for (const [path, change] of Object.entries(detailed)) {
    if (!immutable.some((field) => path === field || new RegExp(`^${field.replaceAll(".", "\\.")}[.[]`).test(path)))
      continue;
    detailed[path] = `${change.replace("-replace", "") as "add" | "delete" | "update"}-replace`;
    replaced = true;
  }
  if (!replaced) return { detailed };
  const [before, after] = [metadataOf(olds), metadataOf(news)];
  const sameName = same(before.name, after.name) && same(before.namespace, after.namespace);
  return { detailed, deleteBeforeReplace: sameName };
}

function at(value: unknown, path: string): unknown {
  let current: unknown = value;
  for (const field of path.split(".")) {
    if (current instanceof Secret) current = current.value;
    if (current === unknown) return unknown;
    current = (current as Properties | undefined)?.[field];
  }
  return current;
}

const idOf = ({ metadata }: KubeObject) =>
  metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name;

function withoutBookkeeping(object: KubeObject): Properties {
  const { managedFields: _dropped, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function outputsOf(kind: Kind, object: KubeObject, inputs: Properties): Properties {
  const outputs: Properties = {
    ...withoutBookkeeping(object),
    __fieldManager: fieldManager,
    __initialApiVersion: kind.apiVersion,
  };
  const hidden = (name: string) =>
    holdsSecret(inputs[name]) ||
    (kind.kind === "Secret" && (name === "data" || name === "stringData")) ||
    // What was secret in stringData comes back in data.
    (kind.kind === "Secret" && name === "data" && holdsSecret(inputs.stringData));
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => [name, hidden(name) ? new Secret(value) : value]),
  );
}

/** The live values at the places that the program fills; a spelling that the API server only normalised stays as it was. */
function project(inputs: unknown, live: unknown, state: unknown): unknown {
  if (inputs instanceof Secret) {
    const inner = project(inputs.value, live, state);
    return inner === undefined ? undefined : new Secret(inner);
  }
  if (live === undefined || live === null) return undefined;
  if (same(live, state)) return inputs;
  if (Array.isArray(inputs))
    return Array.isArray(live)
      ? live.map((item, index) =>
          index < inputs.length ? project(inputs[index], item, (state as unknown[] | undefined)?.[index]) : item,
        )
      : live;
  if (typeof inputs !== "object" || inputs === null) return live;
  return Object.fromEntries(
    Object.entries(inputs).flatMap(([name, field]) => {
      const value = project(field, (live as Properties)[name], (state as Properties | undefined)?.[name]);
      // stringData is never read back: data holds it.
      return value === undefined ? (name === "stringData" ? [[name, field]] : []) : [[name, value]];
    }),
  );
}

function importable(live: Properties): Properties {
  const { status: _status, ...object } = live;
  const metadata = object.metadata as Properties;
  const { uid, resourceVersion, creationTimestamp, generation, selfLink, ownerReferences, ...rest } = metadata;
  return { ...object, metadata: rest };
}
