import { expect, test } from "vitest";
import { KubeError, type KubeObject, type WatchEvents } from "../../devnet/clusters/kube-client.ts";
import { fillNamespace } from "../../devnet/supervision/secrets-by-hand.ts";

/** An API server that has what was posted, and says what happens to the namespace. */
function apiServer() {
  const there = new Set<string>();
  let events: WatchEvents<KubeObject> | undefined;
  const client = {
    post: async (path: string, { metadata }: { metadata: { name: string } }) => {
      const object = `${path}/${metadata.name}`;
      if (there.has(object)) throw new KubeError(`POST ${path}`, 409, "AlreadyExists");
      if (path.includes("/secrets") && !there.has("/api/v1/namespaces/kms")) throw new KubeError(path, 404, "NotFound");
      there.add(object);
    },
    watch: (_path: string, _query: object, listener: WatchEvents<KubeObject>) => {
      events = listener;
    },
  };
  const tell = (type: "ADDED" | "DELETED") => events?.changed(type, { metadata: { name: "kms" } });
  return { there, client: client as unknown as Parameters<typeof fillNamespace>[0], tell };
}

const namespace = "/api/v1/namespaces/kms";
const secret = `${namespace}/secrets/registry-credentials`;

test("a party's namespace and its Secret are there before its first update, and again after the namespace was deleted", async () => {
  const { there, client, tell } = apiServer();
  const said: string[] = [];
  const options = { signal: new AbortController().signal, log: (text: string) => said.push(text) };
  await fillNamespace(client, "kms", options);
  expect([...there]).toEqual([namespace, secret]);
  await fillNamespace(client, "kms", options);
  there.clear();
  tell("DELETED");
  there.add(namespace);
  tell("ADDED");
  await new Promise((resolve) => setImmediate(resolve));
  expect([...there]).toEqual([namespace, secret]);
  there.clear();
  tell("ADDED");
  await new Promise((resolve) => setImmediate(resolve));
  expect(said).toEqual([expect.stringContaining("404")]);
});
