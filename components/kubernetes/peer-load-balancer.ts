import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

/** Port of the core's own clients in every published configuration: no peer ever gets to it. */
const clientPort = 50_100;
const annotation = (name: string) => `service.beta.kubernetes.io/aws-load-balancer-${name}`;

export interface PeerLoadBalancerArgs {
  namespace: pulumi.Input<string>;
  /** Host of the party in every cluster; the load balancer's Service is named after it. */
  host: string;
  partyId: number;
  environment: string;
  /** EKS cluster whose controller makes the load balancer. */
  clusterName: pulumi.Input<string>;
  /** Labels by which the core's pod is found. */
  selector: Record<string, string>;
  /** Ports of the core that peers reach, by name. */
  ports: Readonly<Record<string, number>>;
  /** Port of the core's own clients, which is none of them. */
  grpcPort: number;
}

/**
 * An internal network load balancer in front of the party's core, which its cluster's controller makes. Creates:
 * Service of type LoadBalancer.
 *
 * About $18 a month, plus $0.006 per hour for each capacity unit (list price, 2026-11).
 */
export class PeerLoadBalancer extends pulumi.ComponentResource {
  /** Tags by which AWS finds this load balancer and no other; known once it is there. */
  readonly tags: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: PeerLoadBalancerArgs, opts?: pulumi.ComponentResourceOptions) {
    const ports = Object.values(args.ports);
    checkArgs(`peer load balancer ${name}`, [
      ports.length === 0 && { propertyPath: "ports", reason: "is empty: nothing could pass" },
      (ports.includes(args.grpcPort) || ports.includes(clientPort)) && {
        propertyPath: "ports",
        reason: `has ${args.grpcPort}, by which the core's own clients command it: peers never reach that`,
      },
      Object.keys(args.selector).length === 0 && {
        propertyPath: "selector",
        reason: "is empty: the load balancer would lead nowhere",
      },
    ]);
    super("quorate:kubernetes:PeerLoadBalancer", name, {}, opts);
    const serviceName = `${args.host}-peers`;
    const service = createService(this, name, args, serviceName);
    this.tags = pulumi
      .all([service.status, args.clusterName, args.namespace])
      .apply(([status, clusterName, namespace]) => {
        if (status?.loadBalancer?.ingress?.[0]?.hostname === undefined)
          throw new pulumi.InputPropertyError({
            propertyPath: "clusterName",
            reason: `no load balancer for ${namespace}/${serviceName}: does the AWS load balancer controller run in ${clusterName}?`,
          });
        return controllerTags(clusterName, `${namespace}/${serviceName}`);
      });
    this.registerOutputs({ tags: this.tags });
  }
}

/** How the controller marks what it makes. @see https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/nlb/ */
function controllerTags(clusterName: string, service: string): Record<string, string> {
  return {
    "elbv2.k8s.aws/cluster": clusterName,
    "service.k8s.aws/stack": service,
    "service.k8s.aws/resource": "LoadBalancer",
  };
}

function createService(parent: PeerLoadBalancer, name: string, args: PeerLoadBalancerArgs, serviceName: string) {
  return new kubernetes.core.v1.Service(
    `${name}-service`,
    {
      metadata: {
        name: serviceName,
        namespace: args.namespace,
        labels: { "mpc.io/party-id": String(args.partyId) },
        annotations: {
          [annotation("type")]: "external",
          [annotation("scheme")]: "internal",
          [annotation("internal")]: "true",
          [annotation("nlb-target-type")]: "ip",
          [annotation("backend-protocol")]: "tcp",
          [annotation("cross-zone-load-balancing-enabled")]: "true",
          [annotation("additional-resource-tags")]: `mpc-node=node-${args.partyId},environment=${args.environment}`,
          // Not for a pod that is ready: the core gets ready by way of its peers, and they by way of this.
          "pulumi.com/waitFor": "jsonpath={.status.loadBalancer.ingress[0].hostname}",
        },
      },
      spec: {
        type: "LoadBalancer",
        loadBalancerClass: "service.k8s.aws/nlb",
        // The load balancer talks to the pod: no port of a node has to be open.
        allocateLoadBalancerNodePorts: false,
        selector: args.selector,
        ports: Object.entries(args.ports).map(([port, number]) => ({
          name: port,
          port: number,
          targetPort: number,
          protocol: "TCP",
        })),
      },
    },
    { parent, customTimeouts: { create: "10m", update: "10m" } },
  );
}
