import { join } from "node:path";
import { KubeError } from "../clusters/kube-client.ts";
import { coreLogPath } from "../clusters/kwok.ts";
import { writeReplaceable } from "../files.ts";
import { CoreProcess } from "./core-process.ts";
import { type NodeOptions, prepareNode } from "./node-preparation.ts";
import { isRunning, type PodObject, patchSucceeded } from "./pod-object.ts";
import type { ProcessIdentity } from "./processes.ts";

export interface KeyJobOptions extends NodeOptions {
  record(name: string, process: ProcessIdentity | null): void;
  log(text: string): void;
}

/** Label by which kwok leaves the end of these pods to us. */
export const keyJobLabel = "kms-core-gen-cert-and-keys";

/**
 * Does what the chart's gen-cert-and-keys Job does before there is a core: seals the signing key and publishes the own CA certificate. Like the
 * real one, its pod succeeds whatever came of that.
 */
export function followKeyJobs(options: KeyJobOptions, signal: AbortSignal): void {
  const seen = new Set<string>();
  const see = (pod: PodObject) => {
    const uid = pod.metadata.uid ?? "";
    if (!isRunning(pod) || seen.has(uid)) return;
    seen.add(uid);
    void makeKeys(options, pod).catch((error: Error) =>
      options.log(`the job that makes the keys of party ${options.party.id}: ${error.message}`),
    );
  };
  options.client.watch<PodObject>(
    "/api/v1/pods",
    { labelSelector: `app=${keyJobLabel}` },
    { listed: (pods) => pods.forEach(see), changed: (type, pod) => type !== "DELETED" && see(pod) },
    signal,
  );
}

async function makeKeys(options: KeyJobOptions, pod: PodObject): Promise<void> {
  const { files, party, client, log } = options;
  try {
    const configFile = join(files.party(party.id), "key-job.json");
    writeReplaceable(
      configFile,
      `${JSON.stringify(await prepareNode(options, pod, "key-job-config"), undefined, 2)}\n`,
    );
    const how = await run(options, configFile);
    if (how !== "exit 0") log(`the job that makes the keys of party ${party.id} ended: ${how}`);
  } finally {
    await patchSucceeded(client, pod).catch((error: unknown) => {
      // Its Job was deleted meanwhile.
      if (!(error instanceof KubeError && (error.status === 404 || error.status === 409))) throw error;
    });
  }
}

function run({ files, config, party, record }: KeyJobOptions, configFile: string): Promise<string> {
  const name = `party-${party.id}/key-job`;
  return new Promise((resolve) => {
    new CoreProcess(
      configFile,
      { core: coreLogPath(files, party.id, "job"), init: coreLogPath(files, party.id, "init") },
      config.mark,
      {
        started: (identity) => record(name, identity),
        ready: () => {},
        ended: (how) => {
          record(name, null);
          resolve(how);
        },
      },
      ["gen-cert-and-keys"],
    );
  });
}
