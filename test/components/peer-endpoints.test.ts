import { expect, test } from "vitest";
import { PeerEndpoints, type PeerEndpointsArgs } from "../../components/aws/peer-endpoints.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const service = (id: number) => `com.amazonaws.vpce.eu-central-1.vpce-svc-${String(id).padStart(17, "0")}`;
const peer = (partyId: number) => ({ partyId, region: "eu-central-1", endpointServiceName: service(partyId) });

const endpoints = (args: Partial<PeerEndpointsArgs> = {}) =>
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
      },
    ],
  );
  expect(stack.get("e-group").inputs.egress).toBeUndefined();
  for (const resource of stack.resources.filter(({ name }) => name !== "e"))
    expect([resource.name, resource.parent]).toEqual([resource.name, stack.get("e").urn]);
});

test("a peer named twice, or no port at all, is refused", async () => {
  await expect(endpoints({ peers: [peer(2), peer(2)], ports: [] })).rejects.toMatchObject({
    errors: [{ propertyPath: "peers" }, { propertyPath: "ports" }],
  });
});
