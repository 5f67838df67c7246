import * as pulumi from "@pulumi/pulumi";
import { enclaveNodeKey } from "../../contract/enclave-node-key.ts";
import { clusterNameOf } from "../../contract/stack-config.ts";
import { LogGroup, writesLogs } from "../aws/log-group.ts";
import { PartyRole } from "../aws/party-role.ts";
import { LogShipper, logShipperName, logShipperPods } from "../kubernetes/log-shipper.ts";
import { tcp, toAws, toDns } from "../kubernetes/network-rules.ts";
import { PodTraffic } from "../kubernetes/pod-traffic.ts";
import { type Destination, logPipeline } from "./log-pipeline.ts";
import type { PartyArgs } from "./party-args.ts";
import { administratorsOf } from "./party-keys.ts";
import { partyRoleNames } from "./party-role-names.ts";

/** Brings the logs of core and connector to where the stack file says, if anywhere. */
export function createLogShipping(
  parent: pulumi.Resource,
  name: string,
  args: PartyArgs,
  namespace: pulumi.Output<string>,
): void {
  const { config, manifest, party } = args;
  const { logs } = config;
  if (logs === undefined) {
    // Whoever wrote `none` has decided; whoever wrote nothing is asked.
    void pulumi.log.warn("no log leaves the cluster: say in quorate:logs where they go, or shipping: none", parent);
    return;
  }
  if (logs.shipping === "none") return;
  const group = logs.shipping === "cloudwatch" ? createLogGroup(parent, name, args, logs.retentionDays) : undefined;
  const pipeline = logPipeline(logs, {
    namespace: manifest.namespace,
    streamPrefix: `party-${party.id}.`,
    region: config.region,
    logGroupName: groupNameOf(args),
  });
  const traffic = createTraffic(parent, name, args, namespace, logs);
  new LogShipper(
    `${name}-log-shipper`,
    {
      ...{ namespace, nodeKey: enclaveNodeKey, image: logs.image, configuration: pipeline },
      roleArn: group && createRole(parent, name, args, group).roleArn,
      authorizationSecret: logs.shipping === "sink" ? logs.secret : undefined,
    },
    { parent, dependsOn: [...traffic, ...(group ? [group] : [])] },
  );
}

const groupNameOf = ({ manifest, party }: PartyArgs) => `/quorate/${manifest.network}/party-${party.id}`;

function createLogGroup(parent: pulumi.Resource, name: string, args: PartyArgs, retentionDays: number): LogGroup {
  const { region, accountId } = args.config;
  return new LogGroup(
    `${name}-log-group`,
    {
      ...{ groupName: groupNameOf(args), region, accountId, retentionDays },
      administratorArns: administratorsOf(args, undefined),
    },
    { parent },
  );
}

function createRole(parent: pulumi.Resource, name: string, args: PartyArgs, { groupArn }: LogGroup): PartyRole {
  const { config, manifest, party, cluster } = args;
  return new PartyRole(
    `${name}-log-shipping`,
    {
      roleName: `${partyRoleNames(clusterNameOf(config.cluster), party.id, config.roles).core}-logs`,
      serviceAccount: { namespace: manifest.namespace, name: logShipperName },
      oidc: { providerArn: cluster.oidcProviderArn, issuer: cluster.oidcIssuer },
      rights: { logs: [writesLogs(groupArn)] },
    },
    { parent },
  );
}

function createTraffic(
  parent: pulumi.Resource,
  name: string,
  { config }: PartyArgs,
  namespace: pulumi.Output<string>,
  logs: Destination,
): PodTraffic[] {
  if (!config.networkPolicy.enabled) return [];
  const out =
    logs.shipping === "cloudwatch"
      ? toAws(config.networkPolicy.awsCidrs)
      : { ...toAws(["0.0.0.0/0"]), ports: [tcp(logs.port)] };
  return [
    new PodTraffic(
      `${name}-log-traffic`,
      { namespace, policyName: logShipperName, pods: logShipperPods, from: [], to: [toDns, out] },
      { parent },
    ),
  ];
}
