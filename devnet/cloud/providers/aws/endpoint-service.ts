import { balancerState, loadBalancerType } from "../../load-balancers.ts";
import type { AccountStore } from "../../store.ts";
import type { Properties } from "../property-values.ts";
import { type AwsCaller, type AwsResource, awsError, hexId, list, text } from "./aws-resource.ts";

const serviceType = "aws:ec2/vpcEndpointService:VpcEndpointService";
const endpointType = "aws:ec2/vpcEndpoint:VpcEndpoint";

/** Last part of an endpoint service's name: its id. */
export const serviceLabel = (serviceName: string): string => serviceName.split(".").at(-1) ?? "";

const endpointService: AwsResource = {
  create(caller, inputs) {
    const zones = zonesOf(caller, "CreateVpcEndpointServiceConfiguration", inputs);
    const id = hexId("vpce-svc");
    const { region, account } = caller;
    return {
      id,
      computed: {
        arn: `arn:aws:ec2:${region}:${account.accountId}:vpc-endpoint-service/${id}`,
        serviceName: `com.amazonaws.vpce.${region}.${id}`,
        serviceType: "Interface",
        state: "Available",
        availabilityZones: zones,
        baseEndpointDnsNames: [`${id}.${region}.vpce.amazonaws.com`],
        managesVpcEndpoints: false,
        privateDnsName: inputs.privateDnsName ?? "",
        privateDnsNameConfigurations: [],
        allowedPrincipals: principalsOf(inputs),
        supportedIpAddressTypes: inputs.supportedIpAddressTypes ?? ["ipv4"],
        supportedRegions: regionsOf(caller, inputs),
      },
    };
  },
  update: (caller, _id, inputs) => ({
    availabilityZones: zonesOf(caller, "ModifyVpcEndpointServiceConfiguration", inputs),
    allowedPrincipals: principalsOf(inputs),
    supportedRegions: regionsOf(caller, inputs),
  }),
  remove(caller, id, props) {
    const isConnected = caller.cloud
      .accounts()
      .some((account) =>
        account.list(endpointType).some((endpoint) => endpoint.props.serviceName === props.serviceName),
      );
    if (isConnected)
      throw awsError(
        "EC2",
        "DeleteVpcEndpointServiceConfigurations",
        400,
        "ExistingVpcEndpointConnections",
        `Service ${id} has existing active VPC Endpoint connections!`,
      );
  },
};

/** Zones of the load balancers behind a service. All have to be there, internal or not, and up. */
function zonesOf(caller: AwsCaller, operation: string, inputs: Properties): string[] {
  const arns = list<string>(inputs.networkLoadBalancerArns);
  const refused = (code: string, message: string) => awsError("EC2", operation, 400, code, message);
  if (arns.length === 0)
    throw refused(
      "InvalidParameter",
      "exactly one of network_load_balancer_arn or gateway_load_balancer_arn is a required member",
    );
  const subnets = arns.flatMap((arn) => {
    const found = caller.store.get(loadBalancerType, arn);
    if (!found) throw refused("InvalidLoadBalancerArn.NotFound", `The load balancer '${arn}' does not exist`);
    if (balancerState(found, Date.now()) !== "active")
      throw refused("InvalidParameter", `The load balancer ${arn} is not in the active state`);
    return list<string>(found.props.subnets);
  });
  const zones = caller.account.vpc.subnets.filter(({ id }) => subnets.includes(id)).map(({ az }) => az);
  return [...new Set(zones)].sort();
}

const principalsOf = (inputs: Properties) => list<string>(inputs.allowedPrincipals);
/** A service is always open to its own region. */
const regionsOf = (caller: AwsCaller, inputs: Properties) =>
  [...new Set([...list<string>(inputs.supportedRegions), caller.region])].sort();

/**
 * State of a new endpoint that connects to a service: one that AWS offers, one that the devnet was told of, or one of
 * another account. AWS does not tell a service that one may not use from one that does not exist.
 */
export function openEndpointService(caller: AwsCaller, serviceName: string, serviceRegion: string): string {
  if (serviceName in caller.endpointServices) return "available";
  if (/^(com\.amazonaws|aws\.api)\.(?!vpce\.)[a-z0-9-]+\./.test(serviceName)) return "available";
  const missing = () =>
    awsError(
      "EC2",
      "CreateVpcEndpoint",
      400,
      "InvalidServiceName",
      `The Vpc Endpoint Service '${serviceName}' does not exist`,
    );
  for (const owner of caller.cloud.accounts()) {
    const service = owner.list(serviceType).find(({ props }) => props.serviceName === serviceName)?.props;
    if (!service) continue;
    const { accountId } = caller.account;
    const principals = list<string>(service.allowedPrincipals);
    const isAllowed =
      owner.accountId === accountId ||
      principals.some((principal) => principal === "*" || principal.split(":")[4] === accountId);
    const isNear = text(service.arn).split(":")[3] === serviceRegion;
    if (!isAllowed || !isNear || !list<string>(service.supportedRegions).includes(caller.region)) throw missing();
    return service.acceptanceRequired === true ? "pendingAcceptance" : "available";
  }
  throw missing();
}

/** Whether an account has made this service. */
export const offersService = (account: AccountStore, serviceName: string): boolean =>
  account.list(serviceType).some(({ props }) => props.serviceName === serviceName);

export const endpointServiceResources: { readonly [type: string]: AwsResource } = { [serviceType]: endpointService };
