import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { GatewayNodeAgreement } from "../../contract/optional-releases.ts";
import { checkArgs } from "../check-args.ts";
import { hooksOf } from "../hooks.ts";
import { type ChartToInstall, unpinned } from "../pinned-chart.ts";
import { type GatewayNodeSettings, gatewayNodeName, gatewayNodeValues } from "./gateway-node-values.ts";

export interface GatewayNodeReleaseArgs extends GatewayNodeSettings {
  namespace: pulumi.Input<string>;
  agreed: GatewayNodeAgreement;
  chart: ChartToInstall;
  /** Runs before it is made or changed, and stops that by throwing. @default nothing */
  before?: pulumi.ResourceHookFunction | undefined;
}

/** A full node of the gateway's chain, which the connector listens to. Creates: Helm release of the chart nitro. */
export class GatewayNodeRelease extends pulumi.ComponentResource {
  readonly releaseName: pulumi.Output<string>;

  constructor(name: string, args: GatewayNodeReleaseArgs, opts?: pulumi.ComponentResourceOptions) {
    const { chart, agreed } = args;
    checkArgs(`gateway node ${name}`, [
      unpinned(chart),
      chart.version !== agreed.chart.version && {
        propertyPath: "chart.version",
        reason: `the parties agreed on ${agreed.chart.version}, found ${chart.version}`,
      },
      ...chainProblems(agreed),
    ]);
    super("quorate:zama-kms:GatewayNodeRelease", name, {}, opts);
    const release = new kubernetes.helm.v3.Release(
      `${name}-release`,
      {
        name: gatewayNodeName,
        namespace: args.namespace,
        createNamespace: false,
        chart: chart.ref,
        version: chart.version,
        values: gatewayNodeValues(agreed, args),
        // It answers once it has caught up with its chain, which takes hours the first time.
        skipAwait: true,
        maxHistory: 10,
      },
      { parent: this, hooks: hooksOf(args.before) },
    );
    this.releaseName = release.name;
    this.registerOutputs({ releaseName: this.releaseName });
  }
}

/** The chain's own description says its id again, and nitro goes by that one. */
function chainProblems({ chain, parentChainId }: GatewayNodeAgreement) {
  const [described] = JSON.parse(chain.infoJson) as [Record<string, unknown>];
  const differs = (field: string, expected: number) =>
    described[field] !== expected && {
      propertyPath: "manifest.gatewayNode.chain.infoJson",
      reason: `${field} has to be ${expected}, found ${String(described[field])}`,
    };
  return [differs("chain-id", chain.chainId), differs("parent-chain-id", parentChainId)];
}
