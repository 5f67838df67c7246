import { z } from "zod";
import type { Answer } from "../../contract/answer.ts";
import { corePaths } from "../../contract/core-http.ts";
import { ask } from "../ask.ts";
import { classifyFailure } from "../command.ts";
import type { PartyAccess } from "../context.ts";
import { askForObjects, type Objects } from "./ask-objects.ts";
import { readCorePages } from "./core-http.ts";
import { LoggingPod, readPodLogs } from "./core-logs.ts";
import { healthReportIn } from "./health-check-output.ts";
import { byLevel, logLevels } from "./log-levels.ts";
import { healthCommand } from "./look-at-cluster.ts";

/** Where what was collected goes; `path` is relative, with slashes. */
export interface Collection {
  text(path: string, text: string, truncated?: boolean): Promise<void>;
  json(path: string, value: unknown): Promise<void>;
  /** Could not be had. */
  missing(path: string, reason: string): void;
}

export interface CollectAsked {
  timeoutMs: number;
  signal: AbortSignal;
  /** @default as far as there are any */
  sinceMinutes?: number | undefined;
}

/** Kinds in the party's namespace, by the name that kubectl lists them under; a Secret is never among them. */
const namespaced = {
  statefulsets: "StatefulSet",
  deployments: "Deployment",
  pods: "Pod",
  persistentvolumeclaims: "PersistentVolumeClaim",
  services: "Service",
  networkpolicies: "NetworkPolicy",
} as const;
const clusterWide = { nodes: "Node", daemonsets: "DaemonSet" } as const;

/** Arguments of kubectl that list the objects of the party's namespace, with their events. */
export function collectedCommand(namespace: string): string[] {
  const kinds = [...Object.keys(namespaced), "events"].join(",");
  return ["get", kinds, "--namespace", namespace, "--output", "json"];
}

/** Arguments of kubectl that list what there is of its cluster. */
export function collectedOfClusterCommand(): string[] {
  return ["get", Object.keys(clusterWide).join(","), "--namespace", "kube-system", "--output", "json"];
}

/** Of one pod after the other: more at once would only wait for each other. */
const podsAtOnce = 3;

/** Everything of one party that its own credentials show. Never throws because of what a cluster or a cloud does. */
export async function collectParty(party: PartyAccess, into: Collection, asked: CollectAsked): Promise<void> {
  const { outputs } = party;
  await into.json("outputs.json", outputs);
  const here = askForObjects(party, collectedCommand(outputs.namespace), asked);
  const parts = await Promise.allSettled([
    here.then((objects) => ofNamespace(objects, into)),
    here.then((objects) => logs(party, objects, into, asked)),
    ofCluster(party, into, asked),
    pages(party, into, asked),
    health(party, into, asked),
    cloud(party, into, asked),
  ]);
  // Not before all have ended: who goes on writing would write into what is being cleared away.
  for (const part of parts) if (part.status === "rejected") throw part.reason;
}

const Anything = z.looseObject({ metadata: z.looseObject({ name: z.string() }) });

async function ofNamespace(objects: Objects, into: Collection): Promise<void> {
  for (const kind of Object.values(namespaced)) await ofKind(kind, objects, into);
  await answer(objects.all("Event", z.looseObject({})), "events.json", into);
  const pods = objects.all("Pod", Anything);
  if (pods.status === "unknown") {
    into.missing("images.json", pods.reason);
    into.missing("secrets.json", pods.reason);
    return;
  }
  await into.json("images.json", imagesOf(pods.value));
  await into.json("secrets.json", { note: "names only, as pods refer to them", names: secretsOf(pods.value) });
}

async function ofCluster(party: PartyAccess, into: Collection, asked: CollectAsked): Promise<void> {
  const objects = await askForObjects(party, collectedOfClusterCommand(), asked);
  for (const kind of Object.values(clusterWide)) await ofKind(kind, objects, into);
}

async function ofKind(kind: string, objects: Objects, into: Collection): Promise<void> {
  const found = objects.all(kind, Anything);
  if (found.status === "unknown") return into.missing(`objects/${kind}`, found.reason);
  for (const object of found.value)
    await into.json(`objects/${kind}/${fileName(object.metadata.name)}.json`, withoutBookkeeping(object));
}

/** What the API server and kubectl note for themselves says nothing of the object, and repeats all of it. */
function withoutBookkeeping(object: z.infer<typeof Anything>): unknown {
  const { managedFields: _fields, annotations, ...metadata } = object.metadata;
  const kept = Object.entries((annotations ?? {}) as object).filter(
    ([key]) => !/last-applied-configuration$/.test(key),
  );
  return { ...object, metadata: { ...metadata, ...(annotations ? { annotations: Object.fromEntries(kept) } : {}) } };
}

const ImageStatus = z.object({ name: z.string(), image: z.string().optional(), imageID: z.string().optional() });
const ImagesOf = z.object({
  containerStatuses: z.array(ImageStatus).optional(),
  initContainerStatuses: z.array(ImageStatus).optional(),
});

function imagesOf(pods: readonly z.infer<typeof Anything>[]) {
  return pods.flatMap(({ metadata, status }) => {
    const parsed = ImagesOf.safeParse(status);
    const { initContainerStatuses = [], containerStatuses = [] } = parsed.success ? parsed.data : {};
    return [...initContainerStatuses, ...containerStatuses].map(({ name, image = "", imageID = "" }) => ({
      pod: metadata.name,
      container: name,
      image,
      digest: /sha256:[0-9a-f]{64}/.exec(imageID)?.[0] ?? null,
    }));
  });
}

const secretFields = { secretRef: "name", secretKeyRef: "name", secret: "secretName", imagePullSecrets: "name" };

/** Names of the Secrets that pods refer to. Listing Secrets would bring what is in them. */
function secretsOf(value: unknown): string[] {
  const names = new Set<string>();
  const look = (part: unknown): void => {
    if (Array.isArray(part)) for (const each of part) look(each);
    else if (part !== null && typeof part === "object")
      for (const [key, field] of Object.entries(part)) {
        const name = Object.hasOwn(secretFields, key) ? secretFields[key as keyof typeof secretFields] : undefined;
        for (const each of name === undefined ? [] : [field].flat()) {
          const found = (each as Record<string, unknown> | null)?.[name ?? ""];
          if (typeof found === "string") names.add(found);
        }
        look(field);
      }
  };
  look(value);
  return [...names].sort();
}

async function logs(party: PartyAccess, objects: Objects, into: Collection, asked: CollectAsked): Promise<void> {
  const pods = objects.all("Pod", LoggingPod);
  if (pods.status === "unknown") return into.missing("logs", pods.reason);
  const left = [...pods.value];
  if (!left.some(({ metadata }) => metadata.name === party.outputs.workload.pod))
    into.missing(`logs/${fileName(party.outputs.workload.pod)}`, "there is no such pod");
  const next = async (): Promise<void> => {
    for (let pod = left.shift(); pod !== undefined && !asked.signal.aborted; pod = left.shift())
      await logsOf(party, pod, into, asked);
  };
  await Promise.all(Array.from({ length: podsAtOnce }, next));
}

async function logsOf(party: PartyAccess, pod: LoggingPod, into: Collection, asked: CollectAsked): Promise<void> {
  for (const { container, previous, log } of await readPodLogs(party, pod, asked)) {
    const path = `logs/${fileName(pod.metadata.name)}/${fileName(container)}${previous ? ".previous" : ""}`;
    if (log.status === "unknown") {
      into.missing(`${path}.log`, log.reason);
      continue;
    }
    const { text, truncated } = log.value;
    await into.text(`${path}.log`, text, truncated);
    const levels = byLevel(text);
    for (const level of logLevels)
      if (levels[level] !== "") await into.text(`${path}.${level}.log`, levels[level], truncated);
  }
}

async function pages(party: PartyAccess, into: Collection, asked: CollectAsked): Promise<void> {
  const read = await readCorePages(party, { ...asked, timeoutMs: Math.min(asked.timeoutMs, 10_000) });
  for (const path of corePaths) {
    const name = path.slice(1);
    if (path === "/config") {
      await answer(read.config, `core/${name}.json`, into);
      continue;
    }
    const page = read.pages[path];
    if (page.status === "unknown") into.missing(`core/${name}.txt`, page.reason);
    else await into.text(`core/${name}.txt`, `HTTP ${page.value.status}\n${page.value.text}`, page.value.truncated);
  }
}

async function health(party: PartyAccess, into: Collection, asked: CollectAsked): Promise<void> {
  const path = "core/health-check.json";
  const result = await ask(party, healthCommand(party.outputs), asked);
  if ("reason" in result) return into.missing(path, result.reason);
  // What counts is its report, whatever it exits with.
  const report = result.ended === "deadline" || result.ended === "aborted" ? undefined : healthReportIn(result.stdout);
  if (report !== undefined) await into.json(path, report);
  else into.missing(path, classifyFailure(result)?.reason ?? "kms-health-check printed no report");
}

async function cloud(party: PartyAccess, into: Collection, asked: CollectAsked): Promise<void> {
  if (party.cloud === undefined) return into.missing("cloud.json", "there is no cloud to ask");
  const sights = await party.cloud(asked);
  await into.json("cloud.json", sights);
  const { partyId: _id, vaults, vaultPolicies, ...parts } = sights;
  const all = {
    ...parts,
    ...{ publicVault: vaults.public, privateVault: vaults.private },
    ...{ publicVaultPolicy: vaultPolicies.public, privateVaultPolicy: vaultPolicies.private },
  };
  for (const [name, part] of Object.entries(all))
    if (part.status === "unknown") into.missing(`cloud.json#${name}`, part.reason);
}

async function answer(found: Answer<unknown>, path: string, into: Collection): Promise<void> {
  if (found.status === "seen") await into.json(path, found.value);
  else into.missing(path, found.reason);
}

/** Kubernetes' names are file names; nothing else becomes one. */
function fileName(name: string): string {
  const safe = name.replaceAll(/[^\w.-]/g, "_").slice(0, 200);
  return /^\.+$/.test(safe) || safe === "" ? "_" : safe;
}
