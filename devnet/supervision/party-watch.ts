import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KubeClient } from "../clusters/kube-client.ts";
import { podFolder } from "../clusters/kwok.ts";
import { coreApp } from "../clusters/stages.ts";
import type { DevnetFiles } from "../files.ts";
import type { ConfigMapObject, PodObject } from "./pod-object.ts";

const coreSelector = `app=${coreApp}`;
const proberConfigMap = "quorate-prober";

/** Follows the core pods of a party and hands them to what keeps the core's process, and to what plays their kubelet. */
export function followCorePods(
  client: KubeClient,
  followers: readonly { podsAre(pods: readonly PodObject[]): void }[],
  signal: AbortSignal,
): void {
  const pods = new Map<string, PodObject>();
  const tell = () => {
    for (const follower of followers) follower.podsAre([...pods.values()]);
  };
  client.watch<PodObject>(
    "/api/v1/pods",
    { labelSelector: coreSelector },
    {
      listed(objects) {
        pods.clear();
        for (const pod of objects) pods.set(pod.metadata.uid ?? "", pod);
        tell();
      },
      changed(type, pod) {
        if (type === "DELETED") pods.delete(pod.metadata.uid ?? "");
        else pods.set(pod.metadata.uid ?? "", pod);
        tell();
      },
    },
    signal,
  );
}

/** Keeps the files of ConfigMap `quorate-prober` where `kubectl exec` into the party's pods finds them. */
export function followProberFiles(client: KubeClient, files: DevnetFiles, party: number, signal: AbortSignal): void {
  const write = (map: ConfigMapObject) => {
    const folder = podFolder(files, party);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const [name, text] of Object.entries(map.data ?? {})) {
      writeFileSync(join(folder, `.${name}.new`), text, { mode: 0o600 });
      renameSync(join(folder, `.${name}.new`), join(folder, name));
    }
  };
  client.watch<ConfigMapObject>(
    "/api/v1/configmaps",
    { fieldSelector: `metadata.name=${proberConfigMap}` },
    {
      listed: (maps) => maps.forEach(write),
      changed: (type, map) => {
        if (type !== "DELETED") write(map);
      },
    },
    signal,
  );
}
