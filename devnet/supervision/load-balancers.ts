import type { KubeClient, KubeObject } from "../clusters/kube-client.ts";
import type { PartyTopology } from "../topology.ts";
import { askCloud } from "./cloud-program.ts";
import type { DevnetdConfig } from "./config.ts";

/** What the controller looks for in a Service. */
const ourClass = "service.k8s.aws/nlb";
const tagsAnnotation = "service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags";
const againMs = 1_000;

interface ServiceObject extends KubeObject {
  spec: { type?: string; loadBalancerClass?: string };
  status?: { loadBalancer?: { ingress?: { hostname?: string }[] } };
}

interface Cluster {
  config: Pick<DevnetdConfig, "k" | "token">;
  party: Pick<PartyTopology, "id" | "accountId" | "cluster">;
  client: Pick<KubeClient, "watch" | "mergePatch">;
  log: (text: string) => void;
}

/**
 * Does what the AWS load balancer controller does in a party's cluster: makes the load balancer of each Service that asks for one of it, writes
 * its name into the Service, and takes it away with the Service.
 */
export function followLoadBalancers(cluster: Cluster, signal: AbortSignal): void {
  const { config, party } = cluster;
  const known = new Set<string>();
  const settle = (service: ServiceObject) => {
    if (service.spec.type !== "LoadBalancer" || service.spec.loadBalancerClass !== ourClass) return;
    known.add(keyOf(service));
    void settleService(cluster, service, signal);
  };
  const remove = (key: string) => {
    if (known.delete(key))
      void untilDone(cluster, `load balancer of ${key}`, signal, async () => {
        await askCloud(config, party.accountId, `load-balancers/${encodeURIComponent(key)}`, { method: "DELETE" });
      });
  };
  cluster.client.watch<ServiceObject>(
    "/api/v1/services",
    {},
    {
      listed(services) {
        const there = new Set(services.map(keyOf));
        for (const key of known) if (!there.has(key)) remove(key);
        services.forEach(settle);
      },
      changed: (type, service) => (type === "DELETED" ? remove(keyOf(service)) : settle(service)),
    },
    signal,
  );
}

const keyOf = ({ metadata }: KubeObject) => `${metadata.namespace}/${metadata.name}`;

async function settleService(cluster: Cluster, service: ServiceObject, signal: AbortSignal): Promise<void> {
  const key = keyOf(service);
  if (service.metadata.deletionTimestamp !== undefined) return;
  await untilDone(cluster, `load balancer of ${key}`, signal, async () => {
    const body = {
      service: key,
      clusterName: cluster.party.cluster.name,
      tags: tagsOf(service.metadata.annotations?.[tagsAnnotation] ?? ""),
    };
    const made = await askCloud(cluster.config, cluster.party.accountId, "load-balancers", { method: "PUT", body });
    const { dnsName } = made as { dnsName: string };
    if (service.status?.loadBalancer?.ingress?.[0]?.hostname === dnsName) return;
    const { namespace, name, uid } = service.metadata;
    await cluster.client.mergePatch(`/api/v1/namespaces/${namespace}/services/${name}/status`, {
      metadata: { uid },
      status: { loadBalancer: { ingress: [{ hostname: dnsName }] } },
    });
  });
}

/** The cloud may not serve yet, or be restarting; a Service that is gone or was made again needs nothing of this. */
async function untilDone({ log }: Cluster, what: string, signal: AbortSignal, act: () => Promise<void>): Promise<void> {
  for (let told = ""; !signal.aborted; ) {
    try {
      return await act();
    } catch (error) {
      const { status, message } = error as Error & { status?: number };
      if (status === 404 || status === 409) return;
      if (message !== told) log(`${what}: ${message}`);
      told = message;
      await new Promise((resolve) => setTimeout(resolve, againMs));
    }
  }
}

/** `mpc-node=node-1,environment=devnet`, as the controller reads it. */
function tagsOf(text: string): Record<string, string> {
  const pairs = text.split(",").filter(Boolean);
  return Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
}
