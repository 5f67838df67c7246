import { stringify } from "yaml";
import { PartyCluster } from "../../components/aws/party-cluster.ts";
import { Party } from "../../components/zama-kms/party.ts";
import { exampleSettings } from "../components/example.ts";
import { type MockStack, onMockStack } from "./mocks.ts";
import { rawManifest } from "./network.ts";

/** A Kubernetes object as its component hands it over. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  // biome-ignore lint/suspicious/noExplicitAny: the rest of any kind
  [field: string]: any;
}

const image = `public.ecr.aws/aws-observability/aws-for-fluent-bit:2.34.0@sha256:${"0".repeat(64)}`;
const person = "arn:aws:iam::300000000001:role/person";

/** Switches for everything that a devnet leaves out. */
export const everything = {
  access: {
    sre: [person],
    breakGlass: [person],
    ci: {
      oidcProviderArn: "arn:aws:iam::100000000001:oidc-provider/token.actions.githubusercontent.com",
      repository: "acme/kms",
      environment: "preview",
    },
  },
  endpointService: "created",
  pauser: { createNamespace: true },
  logs: { shipping: "cloudwatch", image },
  monitoring: { prometheusOperator: "present", labels: { release: "prometheus" } },
  secrets: {
    externalSecrets: {
      storeName: "aws",
      from: [
        { name: "registry-credentials", remoteName: "kms/registry", form: "registry" },
        { name: "log-sink", remoteName: "kms/log-sink", form: "fields" },
      ],
    },
  },
};

/** Every object that a party's components make in its cluster by themselves, over both transports; no chart's. */
export async function partyObjects(): Promise<KubernetesObject[]> {
  const parties = rawManifest().parties.map((each: { id: number }) => ({ ...each, elasticIp: `203.0.113.${each.id}` }));
  const publicNodes = { kubeip: { publicSubnetIds: ["subnet-00c1"] } };
  const sink = { logs: { shipping: "sink", image, host: "logs.example.com", secret: "log-sink" } };
  const stacks = [
    await exampleParty({}, everything),
    await exampleParty({ transport: "kubeip", parties }, { ...everything, ...publicNodes, ...sink }),
  ];
  // What both transports have alike is one object.
  const found = new Map<string, KubernetesObject>();
  for (const { resources } of stacks)
    for (const { type, inputs } of resources)
      if (type.startsWith("kubernetes:") && "apiVersion" in inputs)
        found.set(JSON.stringify(inputs), inputs as KubernetesObject);
  return [...found.values()];
}

/** Party 1 of four on a mock stack, with the given fields of the manifest and of its stack file. */
export async function exampleParty(manifestFields: object, configFields: object): Promise<MockStack<Party>> {
  const settings = exampleSettings(manifestFields, configFields);
  const getSubnet = ({ id }: Record<string, unknown>) => ({
    mapPublicIpOnLaunch: String(id).startsWith("subnet-00c"),
    availabilityZoneId: "euw1-az1",
    cidrBlock: "10.1.0.0/24",
  });
  const { region, accountId, cluster } = settings.config;
  return await onMockStack(
    () => new Party("party-1", { ...settings, cluster: new PartyCluster("eks", { region, accountId, cluster }) }),
    {
      calls: { "aws:ec2/getSubnet:getSubnet": getSubnet },
      states: { "aws:ec2/eip:Eip": { publicIp: "203.0.113.1" } },
    },
  );
}

if (import.meta.main) for (const one of await partyObjects()) process.stdout.write(`---\n${stringify(one)}`);
