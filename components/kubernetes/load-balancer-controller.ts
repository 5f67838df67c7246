import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { enclaveTolerations } from "../aws/cluster-addons.ts";
import { loadBalancerRights } from "../aws/load-balancer-rights.ts";
import { PartyRole, type PartyRoleArgs } from "../aws/party-role.ts";
import { checkArgs } from "../check-args.ts";
import type { ChartToInstall } from "../pinned-chart.ts";

export interface LoadBalancerControllerArgs {
  region: string;
  accountId: string;
  clusterName: string;
  vpcId: string;
  /** The cluster's OIDC provider in IAM, by which the controller takes its role. */
  oidc: PartyRoleArgs["oidc"];
  /** Archive of the chart, whose digest was compared. */
  chart: ChartToInstall;
}

const account = { namespace: "kube-system", name: "aws-load-balancer-controller" };

/**
 * The AWS load balancer controller, for network load balancers of one cluster. Creates: IAM role with its policy, Helm
 * release.
 */
export class LoadBalancerController extends pulumi.ComponentResource {
  constructor(name: string, args: LoadBalancerControllerArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`load balancer controller ${name}`, [
      /^https?:/.test(args.chart.ref) && {
        propertyPath: "chart.ref",
        reason: `Helm would fetch ${args.chart.ref} without comparing its digest`,
      },
    ]);
    super("quorate:kubernetes:LoadBalancerController", name, {}, opts);
    const role = new PartyRole(
      `${name}-role`,
      { serviceAccount: account, oidc: args.oidc, rights: { balancers: loadBalancerRights(args) } },
      { parent: this },
    );
    createRelease(this, name, args, role);
    this.registerOutputs({});
  }
}

function createRelease(
  parent: LoadBalancerController,
  name: string,
  args: LoadBalancerControllerArgs,
  role: PartyRole,
) {
  new kubernetes.helm.v3.Release(
    `${name}-release`,
    {
      name: account.name,
      namespace: account.namespace,
      chart: args.chart.ref,
      version: args.chart.version,
      values: {
        clusterName: args.clusterName,
        region: args.region,
        vpcId: args.vpcId,
        serviceAccount: { name: account.name, annotations: { "eks.amazonaws.com/role-arn": role.roleArn } },
        tolerations: enclaveTolerations,
        // A Service says itself that the controller is for it; without this, none could be made while it is away.
        enableServiceMutatorWebhook: false,
        // Application load balancers are not its business here, nor has its role any right to them.
        ingressClassParams: { create: false },
        createIngressClassResource: false,
        ...{ enableShield: false, enableWaf: false, enableWafv2: false },
        // Otherwise each upgrade changes the webhooks' certificate.
        keepTLSSecret: true,
      },
      // Its pods wait for the nodes, and the nodes' own stack for nothing: whoever needs a load balancer waits for that.
      skipAwait: true,
      maxHistory: 10,
    },
    { parent },
  );
}
