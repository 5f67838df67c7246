import type { CloudContext } from "../aws-call.ts";
import { AwsError } from "../aws-error.ts";
import type { CloudAccount } from "../config.ts";
import { offeredBy } from "../endpoint-services.ts";
import { serviceLabel } from "../providers/aws/endpoint-service.ts";
import type { AccountStore, StoredResource } from "../store.ts";
import type { Xml } from "../xml.ts";
import { allow, select, text } from "./ec2-query.ts";
import type { QueryAction } from "./query-protocol.ts";

const endpointType = "aws:ec2/vpcEndpoint:VpcEndpoint";

interface Connection {
  consumer: AccountStore;
  endpoint: StoredResource;
  serviceId: string;
}

/** Elastic Compute Cloud: what the owner of an endpoint service sees and says of those who connect to it. */
export const connectionActions: Record<string, QueryAction> = {
  DescribeVpcEndpointConnections(parameters, call, cloud) {
    const { owner, region } = allow("DescribeVpcEndpointConnections", call, cloud);
    const connections = connectionsTo(owner, cloud).map(({ consumer, endpoint, serviceId }) => ({
      serviceId,
      vpcEndpointId: endpoint.id,
      vpcEndpointOwner: consumer.accountId,
      vpcEndpointState: text(endpoint.props.state, "available"),
      creationTimestamp: text(endpoint.props.creationTimestamp, "2026-01-01T00:00:00Z"),
      ipAddressType: "ipv4",
      vpcEndpointRegion: text(endpoint.props.region, region),
      dnsEntrySet: {
        item: ((endpoint.props.dnsEntries ?? []) as { dnsName?: string; hostedZoneId?: string }[]).map((entry) => ({
          dnsName: entry.dnsName,
          hostedZoneId: entry.hostedZoneId,
        })),
      },
    }));
    const chosen = select(connections, parameters, {
      // There is no parameter for ids; only filters choose.
      ids: ["VpcEndpointConnectionId", "vpcEndpointId", "InvalidVpcEndpointId.NotFound"],
      filters: {
        "service-id": (each) => each.serviceId,
        "vpc-endpoint-id": (each) => each.vpcEndpointId,
        "vpc-endpoint-owner": (each) => each.vpcEndpointOwner,
        "vpc-endpoint-state": (each) => each.vpcEndpointState,
      },
    });
    return { vpcEndpointConnectionSet: { item: chosen } };
  },
  async AcceptVpcEndpointConnections(parameters, call, cloud) {
    const { owner } = allow("AcceptVpcEndpointConnections", call, cloud);
    const serviceId = parameters.require("ServiceId");
    const all = connectionsTo(owner, cloud).filter((each) => each.serviceId === serviceId);
    const unsuccessful: Xml[] = [];
    for (const id of parameters.list("VpcEndpointId")) {
      const found = all.find(({ endpoint }) => endpoint.id === id);
      if (found === undefined)
        throw new AwsError("InvalidVpcEndpointId.NotFound", `The VpcEndpoint Id '${id}' does not exist`);
      const { endpoint, consumer } = found;
      const state = text(endpoint.props.state, "available");
      if (state === "available") continue;
      if (state === "pendingAcceptance" || state === "rejected")
        await consumer.put({ ...endpoint, props: { ...endpoint.props, state: "available" } });
      else
        unsuccessful.push({
          resourceId: id,
          error: { code: "InvalidState", message: `The VPC endpoint connection is in state ${state}` },
        });
    }
    return { unsuccessful: { item: unsuccessful } };
  },
};

/** Every endpoint of any account that leads to a service of this one. */
function connectionsTo(owner: CloudAccount, cloud: CloudContext): Connection[] {
  return cloud.config.accounts.flatMap(({ accountId }) => {
    const consumer = cloud.store.account(accountId);
    return consumer.list(endpointType).flatMap((endpoint) => {
      const serviceName = text(endpoint.props.serviceName);
      if (offeredBy(serviceName, cloud) !== owner.partyId) return [];
      return [{ consumer, endpoint, serviceId: serviceLabel(serviceName) }];
    });
  });
}
