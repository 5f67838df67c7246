import { existsSync, readFileSync } from "node:fs";
import type { Connection, ProviderPackage } from "../package-server.ts";
import { holdsUnknown, type Properties, reveal, same } from "../property-values.ts";
import { releaseConnection, releaseType } from "./helm-release.ts";
import { kinds } from "./kinds.ts";
import { KubeClient } from "./kube-client.ts";
import { objectConnection } from "./kube-object.ts";
import { readKubeconfig } from "./kubeconfig.ts";

/** The stand-in for the `kubernetes` package: real objects and releases in real clusters, as the provider's kubeconfig says. */
export function kubernetesPackage(options: { execEnv: { readonly [name: string]: string } }): ProviderPackage {
  return {
    version: "4.34.2",
    // Another API server is another cluster: nothing of the old one is in it. An identifier says so better than an address.
    moved(olds, news) {
      const identifiers = [olds.clusterIdentifier, news.clusterIdentifier];
      if (identifiers.every((each) => each !== undefined))
        return same(...(identifiers as [unknown, unknown])) ? [] : ["clusterIdentifier"];
      const [before, after] = [serverOf(olds), serverOf(news)];
      return before !== undefined && after !== undefined && before !== after ? ["kubeconfig"] : [];
    },
    configure: async (inputs) => connection(reveal(inputs), options.execEnv),
  };
}

const truthy = (value: unknown) => value === true || value === "true";

function textOf(kubeconfig: unknown): string {
  if (typeof kubeconfig !== "string" || kubeconfig === "")
    // The user's own KUBECONFIG never reaches a provider that was started by someone else.
    throw new Error(
      "invalid configuration: no configuration has been provided: set `kubeconfig` on kubernetes.Provider",
    );
  return !/[\n{]/.test(kubeconfig) && existsSync(kubeconfig) ? readFileSync(kubeconfig, "utf8") : kubeconfig;
}

function serverOf(inputs: Properties): string | undefined {
  if (inputs.kubeconfig === undefined || holdsUnknown(inputs.kubeconfig)) return undefined;
  const { kubeconfig, context } = reveal(inputs);
  try {
    return readKubeconfig(textOf(kubeconfig), { context: context as string | undefined }).server;
  } catch {
    // Configure tells what is wrong with it; here it only isn't a move.
    return undefined;
  }
}

function connection(inputs: Properties, execEnv: { readonly [name: string]: string }): Connection {
  const access = readKubeconfig(textOf(inputs.kubeconfig), {
    context: inputs.context as string | undefined,
    env: execEnv,
  });
  const client = new KubeClient(access);
  const namespace = String(inputs.namespace ?? access.namespace ?? "default");
  const helmSettings = inputs.helmReleaseSettings;
  const settings = {
    client,
    access,
    namespace,
    configMapMutable: truthy(inputs.enableConfigMapMutable),
    secretMutable: truthy(inputs.enableSecretMutable),
    patchForce: truthy(inputs.enablePatchForce),
    deleteUnreachable: truthy(inputs.deleteUnreachable),
    helm: (typeof helmSettings === "string" ? JSON.parse(helmSettings) : (helmSettings ?? {})) as Properties,
  };
  const byType = new Map<string, Pick<Connection, "check" | "diff" | "create" | "read" | "update" | "delete">>();
  const of = (type: string) => {
    const known = byType.get(type);
    if (known) return known;
    const kind = kinds.get(type);
    if (type !== releaseType && !kind)
      throw new Error(`the stand-in kubernetes provider has no resource type ${type}; add it to kinds.ts`);
    const made = kind ? objectConnection(kind, settings) : releaseConnection(settings);
    byType.set(type, made);
    return made;
  };
  return {
    check: (call, request) => of(call.type).check(call, request),
    diff: (call, request) => of(call.type).diff(call, request),
    create: (call, request) => of(call.type).create(call, request),
    read: (call, request) => of(call.type).read(call, request),
    update: (call, request) => of(call.type).update(call, request),
    delete: (call, request) => of(call.type).delete(call, request),
  };
}
