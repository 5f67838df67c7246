import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import type { EgressRule, IngressRule, Labels } from "./network-rules.ts";

export interface PodTrafficArgs {
  namespace: pulumi.Input<string>;
  policyName: string;
  /** Labels of the pods that it is about. */
  pods: Labels;
  from: readonly IngressRule[];
  to: readonly EgressRule[];
}

/** Who may talk to one kind of pods, and to whom they may talk. Creates: NetworkPolicy. */
export class PodTraffic extends pulumi.ComponentResource {
  constructor(name: string, args: PodTrafficArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`pod traffic ${name}`, [
      Object.keys(args.pods).length === 0 && {
        propertyPath: "pods",
        reason: "is empty: the policy would be about every pod of the namespace",
      },
      // The API takes a rule without peers or ports for: everybody, everywhere.
      ...args.from.map((rule, index) => openRule(`from[${index}]`, rule.from, rule.ports)),
      ...args.to.map((rule, index) => openRule(`to[${index}]`, rule.to, rule.ports)),
    ]);
    super("quorate:kubernetes:PodTraffic", name, {}, opts);
    new kubernetes.networking.v1.NetworkPolicy(
      `${name}-policy`,
      {
        metadata: { name: args.policyName, namespace: args.namespace },
        spec: {
          podSelector: { matchLabels: args.pods },
          policyTypes: ["Ingress", "Egress"],
          ingress: [...args.from],
          egress: [...args.to],
        },
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}

function openRule(propertyPath: string, peers: unknown, ports: unknown) {
  const empty = (list: unknown) => list === undefined || (Array.isArray(list) && list.length === 0);
  return (
    (empty(peers) || empty(ports)) && {
      propertyPath,
      reason: "has to name peers and ports: without, it admits everybody",
    }
  );
}
