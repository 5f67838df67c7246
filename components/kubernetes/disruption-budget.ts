import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

export interface DisruptionBudgetArgs {
  namespace: pulumi.Input<string>;
  budgetName: string;
  /** Labels of the pods. */
  selector: Readonly<Record<string, string>>;
  /** Whether draining a node may take the core along. */
  evictable: boolean;
}

/**
 * Says whether a party's one core may be evicted: draining its node takes the party out of the network without asking
 * whether the network can spare it. Creates: PodDisruptionBudget.
 *
 * A core that is not ready may go at any time. Where eviction is refused, an update of the node group stops with
 * `PodEvictionFailure`. The budget is there either way, so that a permission is there before what needs it.
 */
export class DisruptionBudget extends pulumi.ComponentResource {
  constructor(name: string, args: DisruptionBudgetArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`disruption budget ${name}`, [
      Object.keys(args.selector).length === 0 && {
        propertyPath: "selector",
        reason: "is empty: no pod of the namespace could be evicted",
      },
    ]);
    super("quorate:kubernetes:DisruptionBudget", name, {}, opts);
    new kubernetes.policy.v1.PodDisruptionBudget(
      `${name}-budget`,
      {
        metadata: { name: args.budgetName, namespace: args.namespace },
        spec: {
          maxUnavailable: args.evictable ? 1 : 0,
          selector: { matchLabels: args.selector },
          unhealthyPodEvictionPolicy: "AlwaysAllow",
        },
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
