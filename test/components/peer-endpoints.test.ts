import { expect, test } from "vitest";
import { PeerEndpoints, type PeerEndpointsArgs, subnetsInZones } from "../../components/aws/peer-endpoints.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const service = (id: number) => `com.amazonaws.vpce.eu-central-1.vpce-svc-${String(id).padStart(17, "0")}`;
const peer = (partyId: number) => ({ partyId, region: "eu-central-1", endpointServiceName: service(partyId) });

const endpoints = (args: Partial<PeerEndpointsArgs> = {}, calls = {}) =>
  onMockStack(
    () =>
      new PeerEndpoints("e", {
        peers: [peer(2), peer(3)],
        vpcId: "vpc-01",
        subnetIds: ["subnet-0a"],
        clientSecurityGroupId: "sg-nodes",
        ports: [50_001],
        ...args,
      }),
    { calls },
  );

test("each peer gets an interface endpoint, known by party id", async () => {
  const stack = await endpoints();
  expect(stack.get("e-party-2").inputs).toMatchObject({
    vpcEndpointType: "Interface",
    serviceName: service(2),
    serviceRegion: "eu-central-1",
  });
  const dnsName = stack.result.dnsNames[3];
  expect(dnsName && (await settled(dnsName))).toBe("vpce-e-party-3.vpce.amazonaws.com");
});

test("only the party's own nodes may use an endpoint, on the ports of a core", async () => {
  const stack = await endpoints();
  expect(stack.ofType("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").map(({ inputs }) => inputs)).toEqual(
    [
      {
        securityGroupId: "e-group-id",
        referencedSecurityGroupId: "sg-nodes",
        ipProtocol: "tcp",
        fromPort: 50_001,
        toPort: 50_001,
        description: "From the party's nodes",
      },
    ],
  );
  expect(stack.get("e-group").inputs.egress).toBeUndefined();
  for (const resource of stack.resources.filter(({ name }) => name !== "e"))
    expect([resource.name, resource.parent]).toEqual([resource.name, stack.get("e").urn]);
});

test("within a region an endpoint lies in the peer's zones, by id; across regions in all of one's own", async () => {
  const near = { ...peer(2), region: "eu-west-1", availabilityZoneIds: ["euw1-az2"] };
  const far = { ...peer(3), availabilityZoneIds: ["euc1-az3"] };
  const zones: Record<string, string> = { "subnet-0a": "euw1-az1", "subnet-0b": "euw1-az2" };
  const getSubnet = ({ id }: Record<string, unknown>) => ({
    region: "eu-west-1",
    availabilityZoneId: zones[String(id)],
  });
  const stack = await endpoints(
    { peers: [near, far], subnetIds: Object.keys(zones) },
    { "aws:ec2/getSubnet:getSubnet": getSubnet },
  );
  expect(stack.get("e-party-2").inputs.subnetIds).toEqual(["subnet-0b"]);
  expect(stack.get("e-party-3").inputs.subnetIds).toEqual(["subnet-0a", "subnet-0b"]);
});

test("a peer without a zone in common is refused with both sides' zones", () => {
  const other = { ...peer(2), region: "eu-west-1", availabilityZoneIds: ["euw1-az3"] };
  const subnets = ["euw1-az1", "euw1-az2"].map((availabilityZoneId, index) => ({
    id: `subnet-0${index}`,
    region: "eu-west-1",
    availabilityZoneId,
  }));
  expect(() => subnetsInZones(other, subnets)).toThrow(
    expect.objectContaining({
      propertyPath: "peers.availabilityZoneIds",
      reason: expect.stringMatching(/party 2 answers in euw1-az3, .* in euw1-az1, euw1-az2/),
    }),
  );
});

test("by choice each peer has a name in a private zone", async () => {
  const stack = await endpoints({ privateZone: { domain: "mpc-partners.local", hosts: { 2: "mpc-node-2" } } });
  expect(stack.get("e-zone").inputs).toMatchObject({ name: "mpc-partners.local", vpcs: [{ vpcId: "vpc-01" }] });
  expect(stack.get("e-record-2").inputs).toMatchObject({
    name: "mpc-node-2.mpc-partners.local",
    type: "A",
    aliases: [{ name: "vpce-e-party-2.vpce.amazonaws.com", zoneId: "Z1", evaluateTargetHealth: true }],
  });
  expect((await endpoints()).ofType("aws:route53/zone:Zone")).toEqual([]);
});

test("a peer named twice, or no port at all, is refused", async () => {
  await expect(endpoints({ peers: [peer(2), peer(2)], ports: [] })).rejects.toMatchObject({
    errors: [{ propertyPath: "peers" }, { propertyPath: "ports" }],
  });
  await expect(endpoints({ ports: [50_001, 50_100] })).rejects.toMatchObject({
    errors: [{ propertyPath: "ports", reason: expect.stringContaining("50100") }],
  });
});
