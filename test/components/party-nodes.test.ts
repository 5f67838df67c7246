import { expect, test } from "vitest";
import { PartyCluster } from "../../components/aws/party-cluster.ts";
import { Party } from "../../components/zama-kms/party.ts";
import { onMockStack, settled } from "../support/mocks.ts";
import { exampleSettings } from "./example.ts";

const release = { amiReleaseVersion: "1.33.8-20260304" };
const token = "aws:eks/getCluster:getCluster";
const serviceNetwork = {
  [token]: {
    version: "1.33",
    endpoint: "https://cluster.example",
    certificateAuthorities: [{ data: "Q0E=" }],
    identities: [{ oidcs: [{ issuer: "https://oidc.example/id/ABC" }] }],
    vpcConfig: { clusterSecurityGroupId: "sg-0a", vpcId: "vpc-01", subnetIds: ["subnet-0a"] },
    kubernetesNetworkConfigs: [{ serviceIpv4Cidr: "172.20.0.0/16", serviceIpv6Cidr: "" }],
  },
};

async function party(enclaveNodes: object, manifestFields: object = {}, more: object = {}) {
  const settings = exampleSettings(manifestFields, { enclaveNodes, ...more });
  return await onMockStack(
    () => {
      const { region, accountId, cluster } = settings.config;
      return new Party("p", { ...settings, cluster: new PartyCluster("eks", { region, accountId, cluster }) });
    },
    { calls: serviceNetwork },
  );
}

test("nodes carry the labels that upstream's networks go by, one's own, and the tags of the party", async () => {
  const stack = await party({ ...release, labels: { nodepool: "kms-2", team: "mpc" } }, { environment: "testnet" });
  expect(stack.get("p-enclaves-nodegroup").inputs.labels).toEqual({
    nodepool: "kms-2",
    team: "mpc",
    "party-id": "1",
    environment: "test",
    "node.kubernetes.io/enclave-enabled": "true",
  });
  for (const { tags } of stack.get("p-enclaves-template").inputs.tagSpecifications)
    expect(tags).toEqual({
      network: "devnet",
      party: "1",
      environment: "devnet",
      "managed-by": "quorate",
      Name: "p-enclaves",
    });
  expect(await settled(stack.result.outputs.enclaveNodegroup ?? ("" as never))).toBe("p-enclaves-nodegroup");
});

test("a device plugin that is there already is left alone", async () => {
  const stack = await party({ ...release, devicePlugin: "existing" });
  expect(stack.ofType("kubernetes:apps/v1:DaemonSet")).toEqual([]);
  const image = `example/plugin:v0.3@sha256:${"a".repeat(64)}`;
  const ours = await party({ ...release, devicePluginImage: image });
  expect(ours.ofType("kubernetes:apps/v1:DaemonSet")[0]?.inputs.spec.template.spec.containers[0].image).toBe(image);
});

test("an image of one's own joins the cluster that AWS describes", async () => {
  const stack = await party(
    { amiId: "ami-0123456789abcdef0", labels: { team: "mpc" } },
    {},
    { cluster: { existing: { name: "kms" } } },
  );
  const { imageId, userData } = stack.get("p-enclaves-own-image-template").inputs;
  expect(imageId).toBe("ami-0123456789abcdef0");
  const text = Buffer.from(userData, "base64").toString();
  for (const line of ['name: "kms"', 'apiServerEndpoint: "https://cluster.example"', 'cidr: "172.20.0.0/16"'])
    expect(text).toContain(line);
  expect(text).toContain(
    "--node-labels=nodepool=kms,environment=dev,team=mpc,party-id=1,node.kubernetes.io/enclave-enabled=true",
  );
  expect(text).toContain("--register-with-taints=node.kubernetes.io/enclave-enabled=true:NoSchedule");
});
