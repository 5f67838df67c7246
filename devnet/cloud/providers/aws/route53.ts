import { randomBytes } from "node:crypto";
import type { Properties } from "../property-values.ts";
import { type AwsCaller, type AwsResource, awsError, list, text } from "./aws-resource.ts";

const zoneType = "aws:route53/zone:Zone";
const recordType = "aws:route53/record:Record";

const zone: AwsResource = {
  create(caller, inputs) {
    for (const { vpcId } of list<{ vpcId: string }>(inputs.vpcs))
      if (vpcId !== caller.account.vpc.vpcId)
        throw awsError("Route 53", "CreateHostedZone", 400, "InvalidVPCId", `The VPC: ${vpcId} is not found`);
    const id = `Z${randomBytes(10).toString("hex").toUpperCase()}`;
    const nameServers = [0, 1, 2, 3].map((n) => `ns-${n * 512}.awsdns-0${n}.com`);
    return {
      id,
      computed: {
        arn: `arn:aws:route53:::hostedzone/${id}`,
        zoneId: id,
        nameServers,
        primaryNameServer: nameServers[0],
      },
    };
  },
  remove(caller, id) {
    if (caller.store.list(recordType).some(({ props }) => props.zoneId === id))
      throw awsError(
        "Route 53",
        "DeleteHostedZone",
        400,
        "HostedZoneNotEmpty",
        "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
      );
  },
};

const dnsRecord: AwsResource = {
  create(caller, inputs) {
    const found = caller.store.get(zoneType, text(inputs.zoneId));
    const refused = (code: string, message: string) =>
      awsError("Route 53", "ChangeResourceRecordSets", found ? 400 : 404, code, message);
    if (!found) throw refused("NoSuchHostedZone", `No hosted zone found with ID: ${text(inputs.zoneId)}`);
    const fqdn = fullName(text(inputs.name), text(found.props.name));
    const id = `${found.id}_${fqdn}_${text(inputs.type)}`;
    if (caller.store.get(recordType, id) && inputs.allowOverwrite !== true)
      throw refused(
        "InvalidChangeBatch",
        `Tried to create resource record set [name='${fqdn}.', type='${text(inputs.type)}'] but it already exists`,
      );
    return { id, computed: { fqdn } };
  },
  update: (caller: AwsCaller, _id: string, inputs: Properties) => ({
    fqdn: fullName(text(inputs.name), text(caller.store.get(zoneType, text(inputs.zoneId))?.props.name)),
  }),
};

const fullName = (name: string, domain: string) => (name.endsWith(domain) ? name : `${name}.${domain}`);

export const route53Resources: { readonly [type: string]: AwsResource } = {
  [zoneType]: zone,
  [recordType]: dnsRecord,
};
