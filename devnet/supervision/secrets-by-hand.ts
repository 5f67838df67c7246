import { registrySecret } from "../../contract/core-guards.ts";
import { type KubeClient, KubeError } from "../clusters/kube-client.ts";

/** A Docker configuration without a password: nobody pulls an image here. */
const registry = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: registrySecret },
  type: "kubernetes.io/dockerconfigjson",
  data: { ".dockerconfigjson": Buffer.from('{"auths":{}}').toString("base64") },
};

type Client = Pick<KubeClient, "post" | "watch">;

/**
 * Does what operators do by hand, before a party's first update: makes its namespace, and in it the Secret with which the
 * core's images are pulled. Does it again where the namespace was deleted and comes back.
 */
export async function fillNamespace(
  client: Client,
  namespace: string,
  { signal, log }: { signal: AbortSignal; log: (text: string) => void },
): Promise<void> {
  await ifAbsent(
    client.post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }),
  );
  const fill = () => ifAbsent(client.post(`/api/v1/namespaces/${namespace}/secrets`, registry));
  await fill();
  const again = () => void fill().catch((error: Error) => log(`Secret ${registrySecret}: ${error.message}`));
  client.watch(
    "/api/v1/namespaces",
    { fieldSelector: `metadata.name=${namespace}` },
    { listed: (found) => found.length > 0 && again(), changed: (type) => type === "ADDED" && again() },
    signal,
  );
}

async function ifAbsent(made: Promise<unknown>): Promise<void> {
  try {
    await made;
  } catch (error) {
    // A namespace that is going takes no more objects.
    if (!(error instanceof KubeError && (error.status === 409 || error.status === 403))) throw error;
  }
}
