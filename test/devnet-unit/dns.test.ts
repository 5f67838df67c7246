import { Resolver } from "node:dns/promises";
import net from "node:net";
import * as packet from "dns-packet";
import { afterEach, expect, test } from "vitest";
import { answerQuery, type DnsServer, serveDns } from "../../devnet/network/dns.ts";
import { type EndpointSliceObject, lookUp, type ServiceObject, type Zone } from "../../devnet/network/zone.ts";

const suffix = "kms-decentralized.svc.cluster.local";

function service(name: string, spec: ServiceObject["spec"]): [string, ServiceObject] {
  return [`kms-decentralized/${name}`, { metadata: { name, namespace: "kms-decentralized" }, spec }];
}

function slice(of: string, ready: boolean): [string, EndpointSliceObject] {
  const metadata = { name: `${of}-x`, namespace: "kms-decentralized", labels: { "kubernetes.io/service-name": of } };
  return [
    `kms-decentralized/${of}-x`,
    { metadata, endpoints: [{ addresses: ["10.1.0.1"], conditions: { ready }, hostname: `${of}-1` }] },
  ];
}

const vpce = "vpce-0123-abcd.vpce-svc-0002.eu-west-1.vpce.amazonaws.com";
const zone: Zone = {
  podAddress: "127.9.0.1",
  services: new Map([
    service("mpc-node-1", { type: "ClusterIP", clusterIP: "10.96.0.9" }),
    service("mpc-node-2", { type: "ExternalName", externalName: vpce }),
    service("mpc-node-3", { type: "ExternalName", externalName: "vpce-gone.vpce.amazonaws.com" }),
    service("kms-core", { clusterIP: "None" }),
    service("kms-down", { clusterIP: "None" }),
    service("kms-empty", { clusterIP: "None" }),
  ]),
  endpointSlices: new Map([slice("kms-core", true), slice("kms-down", false)]),
  vpcEndpoints: new Map([[vpce, "127.9.1.2"]]),
};

test("a ClusterIP Service is where the party's pods are", () => {
  expect(lookUp(zone, `mpc-node-1.${suffix}`)).toEqual([
    { type: "A", name: `mpc-node-1.${suffix}`, address: "127.9.0.1" },
  ]);
});

test("a peer's Service leads through the VPC endpoint to the link", () => {
  expect(lookUp(zone, `MPC-node-2.${suffix}.`)).toEqual([
    { type: "CNAME", name: `mpc-node-2.${suffix}`, target: vpce },
    { type: "A", name: vpce, address: "127.9.1.2" },
  ]);
});

test.each([
  ["a headless Service without ready endpoints", `kms-down.${suffix}`],
  ["a headless Service without endpoints", `kms-empty.${suffix}`],
  ["a Service that is not there", `mpc-node-9.${suffix}`],
  ["another namespace", "kms-core.default.svc.cluster.local"],
  ["a pod that is not there", `kms-core-2.kms-core.${suffix}`],
  ["the world outside", "example.com"],
])("%s has no name", (_what, name) => {
  expect(lookUp(zone, name)).toBeNull();
});

test("a headless Service and its pod resolve while the pod is ready", () => {
  expect(lookUp(zone, `kms-core.${suffix}`)?.[0]).toMatchObject({ address: "127.9.0.1" });
  expect(lookUp(zone, `kms-core-1.kms-core.${suffix}`)?.[0]).toMatchObject({ address: "127.9.0.1" });
});

function ask(name: string, type: "A" | "AAAA", zoneOrNull: Zone | null = zone) {
  const query = packet.decode(packet.encode({ type: "query", id: 7, questions: [{ type, name, class: "IN" }] }));
  const answer = packet.decode(packet.encode(answerQuery(query, zoneOrNull)));
  // The types of dns-packet do not know the field that its decoder sets.
  const { rcode } = answer as packet.DecodedPacket & { rcode: string };
  return { rcode, answers: answer.answers?.map((record) => ("data" in record ? record.data : null)) };
}

test("answers carry the right code", () => {
  expect(ask(`mpc-node-2.${suffix}`, "A")).toEqual({ rcode: "NOERROR", answers: [vpce, "127.9.1.2"] });
  expect(ask(`mpc-node-1.${suffix}`, "AAAA")).toEqual({ rcode: "NOERROR", answers: [] });
  expect(ask(`mpc-node-3.${suffix}`, "A")).toEqual({ rcode: "NXDOMAIN", answers: ["vpce-gone.vpce.amazonaws.com"] });
  expect(ask("example.com", "A")).toEqual({ rcode: "NXDOMAIN", answers: [] });
  expect(ask(`mpc-node-1.${suffix}`, "A", null)).toEqual({ rcode: "SERVFAIL", answers: [] });
});

const servers: DnsServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const host = `127.${200 + (process.pid % 54)}.1.254`;

test("Node's own resolver gets its answers over UDP", async () => {
  servers.push(await serveDns(host, 5300, async () => zone));
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([`${host}:5300`]);
  expect(await resolver.resolve4(`mpc-node-2.${suffix}`)).toEqual(["127.9.1.2"]);
  await expect(resolver.resolve4(`mpc-node-9.${suffix}`)).rejects.toMatchObject({ code: "ENOTFOUND" });
});

test("over TCP two queries in one packet get two answers, and rubbish ends the connection", async () => {
  servers.push(await serveDns(host, 5300, async () => zone));
  const socket = net.connect(5300, host);
  const query = (id: number) =>
    packet.streamEncode({ type: "query", id, questions: [{ type: "A", name: `mpc-node-1.${suffix}` }] });
  let received = Buffer.alloc(0);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk]);
  });
  socket.write(Buffer.concat([query(1), query(2)]));
  const answers = () => {
    const ids: number[] = [];
    for (let rest = received; rest.length >= 4; rest = rest.subarray(2 + rest.readUInt16BE(0)))
      ids.push(rest.readUInt16BE(2));
    return ids.sort();
  };
  await expect.poll(answers).toEqual([1, 2]);
  socket.write(Buffer.from([0, 3, 1, 2, 3]));
  await closed;
});
