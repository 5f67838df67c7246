import { createHash } from "node:crypto";
import { z } from "zod";
import type { CloudAccount } from "./config.ts";
import type { AccountStore, StoredResource } from "./store.ts";

/** What the load balancer controller of a cluster makes; Pulumi only looks it up. */
export const loadBalancerType = "aws:lb/loadBalancer:LoadBalancer";

/** AWS says two or three minutes. */
const provisioningMs = 2_000;

/** An internal network load balancer, as a cluster's controller asks for it. */
export const WantedBalancer = z.strictObject({
  /** `<namespace>/<name>` of its Service. */
  service: z.string().regex(/^[a-z0-9-]+\/[a-z0-9-]+$/),
  clusterName: z.string().min(1),
  tags: z.record(z.string(), z.string()),
});
export type WantedBalancer = z.infer<typeof WantedBalancer>;

/** Makes the load balancer of a Service, or finds it. */
export async function settleBalancer(
  store: AccountStore,
  { accountId, region, vpc }: CloudAccount,
  { service, clusterName, tags }: WantedBalancer,
  now: number,
): Promise<StoredResource> {
  const digest = createHash("sha256").update(`${clusterName} ${service}`).digest("hex");
  const [namespace = "", host = ""] = service.split("/");
  const name = `k8s-${namespace.slice(0, 8)}-${host.slice(0, 8)}-${digest.slice(0, 10)}`;
  const arn = `arn:aws:elasticloadbalancing:${region}:${accountId}:loadbalancer/net/${name}/${digest.slice(10, 26)}`;
  const found = store.get(loadBalancerType, arn);
  if (found) return found;
  const balancer = {
    type: loadBalancerType,
    id: arn,
    props: {
      arn,
      name,
      dnsName: `${name}-${digest.slice(10, 26)}.elb.${region}.amazonaws.com`,
      internal: true,
      loadBalancerType: "network",
      activeAt: now + provisioningMs,
      vpcId: vpc.vpcId,
      subnets: vpc.subnets.flatMap(({ id, mapPublicIpOnLaunch }) => (mapPublicIpOnLaunch ? [] : [id])),
      tags: {
        ...tags,
        "elbv2.k8s.aws/cluster": clusterName,
        "service.k8s.aws/stack": service,
        "service.k8s.aws/resource": "LoadBalancer",
      },
    },
  };
  await store.put(balancer);
  return balancer;
}

/** As AWS calls it: a new one comes up first. */
export function balancerState({ props }: StoredResource, now: number): "provisioning" | "active" {
  return Number(props.activeAt ?? 0) > now ? "provisioning" : "active";
}

/** The load balancer of a Service, if it has one. */
export function balancerOf(store: AccountStore, service: string): StoredResource | undefined {
  return store
    .list(loadBalancerType)
    .find(({ props }) => (props.tags as Record<string, string>)["service.k8s.aws/stack"] === service);
}
