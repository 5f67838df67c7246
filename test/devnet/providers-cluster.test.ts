import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import * as aws from "@pulumi/aws";
import * as eks from "@pulumi/eks";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { AudienceAccess } from "../../components/kubernetes/audience-access.ts";
import { type Audience, audiences, groupOf } from "../../components/kubernetes/audience-rights.ts";
import type { PartyOutputs } from "../../contract/party-outputs.ts";
import { KubeClient, KubeError } from "../../devnet/cloud/providers/kubernetes/kube-client.ts";
import { readKubeconfig } from "../../devnet/cloud/providers/kubernetes/kubeconfig.ts";
import {
  adminKubeconfigPath,
  apiServerProgram,
  apiServerUrl,
  type ControlPlane,
  controllerManagerProgram,
  schedulerProgram,
  writeControlPlaneFiles,
} from "../../devnet/clusters/control-plane.ts";
import { etcdProgram } from "../../devnet/clusters/etcd.ts";
import { kwokProgram, writeKwokFiles } from "../../devnet/clusters/kwok.ts";
import { settleEtcdPki, settlePartyPki } from "../../devnet/clusters/pki.ts";
import { devnetFiles } from "../../devnet/files.ts";
import { Keeper } from "../../devnet/supervision/keeper.ts";
import { toolPath } from "../../devnet/tool-path.ts";
import { podsCommand, probeCommand } from "../../runbooks/network/observe.ts";
import { collectedCommand, collectedOfClusterCommand } from "../../runbooks/zama-kms/collect-party.ts";
import { clusterCommand, namespaceCommand } from "../../runbooks/zama-kms/look-at-cluster.ts";
import { quickLogsCommand } from "../../runbooks/zama-kms/look-closer.ts";
import { type TestCloud, testAccount, testCloud } from "../cloud/support/providers-stack.ts";
import { operatorDefinitions } from "../support/operator-definitions.ts";
import { type KubernetesObject, partyObjects } from "../support/party-objects.ts";

/** A devnet number of its own, so that a devnet on the same machine is left alone. */
const k = 253;
const party = 1;
const issuer = "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF";

let cloud: TestCloud;
const keepers: Keeper[] = [];
let client: KubeClient;
let kubeconfig: string;

beforeAll(async () => {
  cloud = await testCloud({ accounts: [] });
  const files = devnetFiles(cloud.dir);
  const etcd = await settleEtcdPki(files.pki, k);
  const pki = await settlePartyPki(files.party(party), k, party, etcd);
  const plane: ControlPlane = { files, k, party, pki, etcd, tokenReviewUrl: "http://127.253.0.251:4566", issuer };
  writeControlPlaneFiles(plane);
  writeKwokFiles(plane);
  const start = async (program: ConstructorParameters<typeof Keeper>[0]) => {
    const keeper = new Keeper(program, { mark: `test-${process.pid}`, record: () => undefined, log: () => undefined });
    keepers.push(keeper);
    await keeper.start();
  };
  await start(etcdProgram(files, k, etcd));
  await start(apiServerProgram(plane));
  await Promise.all([controllerManagerProgram, schedulerProgram, kwokProgram].map((program) => start(program(plane))));
  kubeconfig = readFileSync(adminKubeconfigPath(files, party), "utf8");
  client = new KubeClient(readKubeconfig(kubeconfig));
  const access = parse(kubeconfig) as { clusters: { cluster: { "certificate-authority": string } }[] };
  const caPem = readKubeconfig(kubeconfig).caPem ?? "";
  expect(access.clusters).toHaveLength(1);
  cloud.accounts.push(
    testAccount(party, {
      cluster: {
        endpoint: apiServerUrl(k, party),
        caData: Buffer.from(caPem).toString("base64"),
        adminKubeconfig: adminKubeconfigPath(files, party),
        version: "1.36",
      },
    }),
  );
}, 120_000);

afterAll(async () => {
  client?.close();
  for (const keeper of keepers.reverse()) await keeper.stop(5_000);
  await cloud?.[Symbol.asyncDispose]();
});

const changes = (result: { summary: { resourceChanges?: object | undefined } }) => result.summary.resourceChanges ?? {};

const userData = (cpus: number, memoryMib: number) =>
  Buffer.from(
    `#!/bin/bash\nprintf 'memory_mib: ${memoryMib}\\ncpu_count: ${cpus}\\n' > /etc/nitro_enclaves/allocator.yaml\nsystemctl restart nitro-enclaves-allocator.service\n`,
  ).toString("base64");

/** What the programs below vary between updates. */
interface Settings {
  instanceType: string;
  desired: number;
  data: string;
  replicas: number;
}

const program = (settings: Settings, name: string) => async () => {
  const provider = new aws.Provider("party", { profile: testAccount(party).profile, region: "eu-west-1" });
  const subnetIds = testAccount(party).vpc.subnets.map(({ id }) => id);
  const cluster = new eks.Cluster(
    "party",
    {
      name,
      version: "1.36",
      vpcId: testAccount(party).vpc.vpcId,
      privateSubnetIds: subnetIds,
      authenticationMode: "API",
      skipDefaultNodeGroup: true,
      skipDefaultSecurityGroups: true,
      createInstanceRole: false,
      createOidcProvider: true,
      corednsAddonOptions: { enabled: false },
      kubeProxyAddonOptions: { enabled: false },
    },
    { providers: { aws: provider } },
  );
  const trust = JSON.stringify({ Version: "2012-10-17", Statement: [] });
  const role = new aws.iam.Role("nodes", { assumeRolePolicy: trust }, { provider });
  const template = new aws.ec2.LaunchTemplate(
    "nodes",
    { enclaveOptions: { enabled: true }, userData: userData(48, 98304) },
    { provider },
  );
  const nodes = new aws.eks.NodeGroup(
    "nodes",
    {
      clusterName: cluster.eksCluster.name,
      nodeRoleArn: role.arn,
      subnetIds,
      instanceTypes: [settings.instanceType],
      scalingConfig: { minSize: 0, maxSize: 3, desiredSize: settings.desired },
      labels: { enclave: "true" },
      launchTemplate: { id: template.id, version: template.latestVersion.apply(String) },
    },
    { provider },
  );
  // As the stack does: the text is unknown in the first preview.
  const config = pulumi.all([cluster.eksCluster.endpoint, nodes.id]).apply(() => kubeconfig);
  const k8s = new kubernetes.Provider("party", { kubeconfig: config });
  const namespace = new kubernetes.core.v1.Namespace("party", { metadata: { name: "party" } }, { provider: k8s });
  const map = new kubernetes.core.v1.ConfigMap(
    "settings",
    { metadata: { namespace: namespace.metadata.name }, data: { key: settings.data } },
    { provider: k8s },
  );
  const labels = { app: "web" };
  const deployment = new kubernetes.apps.v1.Deployment(
    "web",
    {
      metadata: { namespace: namespace.metadata.name, name: "web" },
      spec: {
        replicas: settings.replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: "web", image: "web:1" }] } },
      },
    },
    { provider: k8s },
  );
  new kubernetes.core.v1.Secret(
    "secret",
    { metadata: { namespace: namespace.metadata.name }, stringData: { password: pulumi.secret("very-hidden") } },
    { provider: k8s },
  );
  const release = new kubernetes.helm.v3.Release(
    "chart",
    {
      name: "chart",
      namespace: namespace.metadata.name,
      chart: join(import.meta.dirname, "support/chart"),
      values: { greeting: settings.data },
      timeout: 60,
    },
    { provider: k8s },
  );
  return {
    endpoint: cluster.eksCluster.endpoint,
    issuer: cluster.oidcIssuer,
    oidcProviderArn: cluster.oidcProviderArn,
    securityGroup: cluster.clusterSecurityGroupId,
    mapName: map.metadata.name,
    available: deployment.status.availableReplicas,
    release: release.status.status,
  };
};

describe("ways in", () => {
  const audienceProgram = async () => {
    const k8s = new kubernetes.Provider("party", { kubeconfig });
    const namespace = new kubernetes.core.v1.Namespace("place", { metadata: { name: "place" } }, { provider: k8s });
    new AudienceAccess(
      "access",
      {
        namespace: namespace.metadata.name,
        partyId: party,
        prober: { deployment: "quorate-prober", container: "prober" },
        healthCheck: { pod: "kms-core-client-0", container: "prober", program: "true", command: "live" },
        audiences,
      },
      { provider: k8s },
    );
  };

  /** As `kubectl auth can-i` asks. */
  async function may(audience: Audience, verb: string, resource: string, namespace = "place"): Promise<boolean> {
    const [plural = "", subresource] = resource.split("/");
    const [name = "", ...rest] = plural.split(".");
    const group = rest.join(".");
    const attributes = { verb, group, resource: name, subresource, namespace, ...(verb === "get" && { name: "one" }) };
    const review = (await client.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user: "somebody", groups: [groupOf(audience)], resourceAttributes: attributes },
      },
    })) as { status: { allowed: boolean } };
    return review.status.allowed;
  }

  /** What kubectl prints for somebody of the audience. */
  async function kubectl(audience: Audience, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    const file = join(cloud.dir, "kubeconfig-of-an-audience");
    writeFileSync(file, kubeconfig, { mode: 0o600 });
    const words = ["--kubeconfig", file, "--as", "somebody", "--as-group", groupOf(audience)];
    return await promisify(execFile)(toolPath("kubectl"), [...words, ...args]).catch(
      (failure: { stdout: string; stderr: string }) => failure,
    );
  }

  /** What it says when somebody of the audience tries to open a connection. */
  async function exec(audience: Audience, pod: string, command = ["true"]): Promise<string> {
    const said = await kubectl(audience, [
      "exec",
      pod,
      "--namespace",
      "place",
      "--container",
      "prober",
      "--",
      ...command,
    ]);
    return said.stderr;
  }

  test("the API server lets each audience do what its rules say, and nothing beside", async () => {
    const stack = await cloud.stack("ways-in", audienceProgram);
    await stack.up();
    expect(Object.keys(changes(await stack.up()))).toEqual(["same"]);

    const allowed: [Audience, string, string][] = [
      ["sre", "list", "pods"],
      ["sre", "list", "statefulsets.apps"],
      ["sre", "get", "deployments.apps"],
      ["sre", "list", "events"],
      ["sre", "create", "pods/exec"],
      ["sre", "list", "configmaps"],
      ["sre", "list", "nodes"],
      ["sre", "list", "daemonsets.apps"],
      ["sre", "get", "pods/log"],
      ["sre", "list", "networkpolicies.networking.k8s.io"],
      ["break-glass", "delete", "pods"],
      ["break-glass", "get", "pods/log"],
      ["break-glass", "patch", "statefulsets.apps"],
      ["ci", "get", "configmaps"],
      ["ci", "get", "networkpolicies.networking.k8s.io"],
    ];
    // The authorizer takes a moment to learn of the bindings.
    await expect.poll(() => may("ci", "get", "configmaps"), { timeout: 10_000 }).toBe(true);
    for (const [audience, verb, resource] of allowed)
      expect([audience, verb, resource, await may(audience, verb, resource)]).toEqual([audience, verb, resource, true]);

    // The very commands of cluster-check, doctor and collect: each kind that they list is given, and none of them asks for more.
    const outputs = { namespace: "place", workload: { pod: "kms-core-1", prober: "quorate-prober" } } as PartyOutputs;
    for (const args of [
      podsCommand(outputs),
      namespaceCommand(outputs),
      clusterCommand(),
      collectedCommand("place"),
      collectedOfClusterCommand(),
    ]) {
      const { stdout, stderr } = await kubectl("sre", args);
      expect([args[1], stderr]).toEqual([args[1], ""]);
      expect(JSON.parse(stdout)).toMatchObject({ kind: "List" });
    }
    const refusals = (await kubectl("ci", namespaceCommand(outputs))).stderr;
    expect(refusals).toMatch(/cannot list resource "events"/);
    // What is not there is looked for, and not forbidden.
    for (const args of [quickLogsCommand(outputs), probeCommand(outputs)])
      expect((await kubectl("sre", args)).stderr).toMatch(/NotFound|not found/);

    const denied = ["secrets", "serviceaccounts/token", "roles.rbac.authorization.k8s.io"];
    for (const audience of audiences) {
      for (const resource of denied) expect(await may(audience, "create", resource)).toBe(false);
      for (const verb of ["get", "list", "watch"]) expect(await may(audience, verb, "secrets")).toBe(false);
      expect(await may(audience, "list", "pods", "kube-system")).toBe(false);
    }
    for (const [audience, verb, resource] of [
      ["sre", "delete", "pods"],
      ["sre", "patch", "statefulsets.apps"],
      ["ci", "create", "pods/exec"],
      ["ci", "update", "configmaps"],
    ] as [Audience, string, string][])
      expect([audience, verb, resource, await may(audience, verb, resource)]).toEqual([
        audience,
        verb,
        resource,
        false,
      ]);

    const pods = ["quorate-prober-abc", "kms-core-1", "kms-core-client-0"];
    for (const pod of pods)
      await client.request("POST", "/api/v1/namespaces/place/pods", {
        body: {
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name: pod },
          spec: { nodeName: "nowhere", containers: [{ name: "prober", image: "prober:1" }] },
        },
      });
    // Admission takes a moment to learn of a rule; until then everybody gets as far as the node that is not there.
    const refused = /an SRE opens a connection to the prober of quorate-prober only/;
    await expect.poll(() => exec("sre", "kms-core-1"), { timeout: 20_000, interval: 250 }).toMatch(refused);
    for (const [audience, pod, command] of [
      ["sre", "quorate-prober-abc"],
      ["sre", "kms-core-client-0", ["true", "live", "-e", "core"]],
      ["sre", "kms-core-client-0", ["true", "--format", "json", "live", "-e", "core"]],
      ["break-glass", "kms-core-1"],
    ] as [Audience, string, string[] | undefined][]) {
      const said = await exec(audience, pod, command);
      expect(said).not.toMatch(refused);
      expect(said).not.toMatch(/forbidden/i);
    }
    // In the core-client's pod an SRE runs the health check and nothing else: from there the core does what it is told.
    for (const command of [
      ["kms-core-client", "live"],
      ["true"],
      ["true", "bandwidth-bench", "-e", "live"],
      ["true", "--format", "json", "bandwidth-bench", "live"],
    ])
      expect(await exec("sre", "kms-core-client-0", command)).toMatch(refused);
    // No kubelet is there to say that they have ended.
    for (const pod of pods) await client.request("DELETE", `/api/v1/namespaces/place/pods/${pod}?gracePeriodSeconds=0`);
    await stack.destroy();
  }, 120_000);
});

describe("objects that operators read", () => {
  const place = "operators";
  let plurals: Map<string, string>;

  beforeAll(async () => {
    const definitions = await operatorDefinitions();
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    for (const body of definitions) await client.request("POST", path, { body });
    await client.request("POST", "/api/v1/namespaces", { body: { metadata: { name: place } } });
    plurals = new Map(definitions.map(({ spec: { group, names } }) => [`${group} ${names.kind}`, names.plural]));
  });

  const pluralOf = ({ apiVersion, kind }: KubernetesObject) => plurals.get(`${apiVersion.split("/")[0]} ${kind}`);

  /** What the API server says of an object, held against the definition of its kind; nothing is made. */
  async function refusal(object: KubernetesObject): Promise<string | undefined> {
    const path = `/apis/${object.apiVersion}/namespaces/${place}/${pluralOf(object)}?dryRun=All&fieldValidation=Strict`;
    const body = { ...object, metadata: { ...object.metadata, namespace: place } };
    for (const deadline = Date.now() + 20_000; ; )
      try {
        await client.request("POST", path, { body });
        return undefined;
      } catch (error) {
        if (!(error instanceof KubeError)) throw error;
        // A kind takes a moment until its path is there.
        if (error.status !== 404 || Date.now() > deadline) return error.message;
        await setTimeout(100);
      }
  }

  test("fit the operators' own definitions, as a party's components make them", async () => {
    const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
    const objects = (await partyObjects()).filter(pluralOf);
    warn.mockRestore();
    for (const object of objects) expect([object, await refusal(object)]).toEqual([object, undefined]);
    const kinds = new Set(objects.map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(["ExternalSecret", "PrometheusRule", "ServiceMonitor"]);

    const monitor = objects.find(({ kind }) => kind === "ServiceMonitor") as KubernetesObject;
    const misspelt = { ...monitor, spec: { ...monitor.spec, joblabel: "app" } };
    expect(await refusal(misspelt)).toMatch(/unknown field "spec.joblabel"/);
  });
});

describe("a party's cluster", () => {
  test("is previewed before it exists, made, left alone, changed, found changed and destroyed", async () => {
    const settings: Settings = { instanceType: "c7a.16xlarge", desired: 1, data: "one", replicas: 1 };
    const stack = await cloud.stack("cluster", program(settings, "party-cluster"));
    const preview = await stack.preview();
    expect(preview.changeSummary).toEqual({ create: 16 });

    const first = await stack.up();
    expect(changes(first)).toEqual({ create: 16 });
    expect(first.outputs.endpoint?.value).toBe(apiServerUrl(k, party));
    expect(first.outputs.issuer?.value).toBe(issuer.replace("https://", ""));
    expect(first.outputs.oidcProviderArn?.value).toBe(
      `arn:aws:iam::111111111111:oidc-provider/${first.outputs.issuer?.value}`,
    );
    expect(first.outputs.available?.value).toBe(1);
    expect(first.outputs.release?.value).toBe("deployed");
    const state = cloud.state("cluster");
    for (const hidden of ["very-hidden", Buffer.from("very-hidden").toString("base64")])
      expect(state.includes(hidden)).toBe(false);
    const node = await client.get("/api/v1/nodes/ip-10-1-0-11.eu-west-1.compute.internal");
    expect(node.status?.allocatable).toMatchObject({
      "aws.ec2.nitro/nitro_enclaves_cpus": "48",
      "hugepages-1Gi": "96Gi",
    });
    const chartMap = await client.get("/api/v1/namespaces/party/configmaps/chart");
    expect(chartMap.data).toEqual({ greeting: "one" });

    expect(changes(await stack.up())).toEqual({ same: 16 });

    settings.data = "two";
    settings.replicas = 2;
    expect(changes(await stack.up())).toEqual({ same: 13, update: 2, replace: 1 });
    expect((await client.get("/api/v1/namespaces/party/configmaps/chart")).data).toEqual({ greeting: "two" });

    await client.request("PATCH", "/apis/apps/v1/namespaces/party/deployments/web?fieldManager=kubectl", {
      body: { spec: { replicas: 0 } },
      contentType: "application/merge-patch+json",
    });
    expect(changes(await stack.refresh())).toMatchObject({ update: 1 });
    expect((await stack.preview()).changeSummary).toEqual({ same: 15, update: 1 });
    // Somebody else set the field: only who insists gets it back.
    await expect(stack.up()).rejects.toThrow(/Server-Side Apply field conflict/);
    await client.request("PATCH", "/apis/apps/v1/namespaces/party/deployments/web?fieldManager=kubectl", {
      body: { spec: { replicas: 2 } },
      contentType: "application/merge-patch+json",
    });
    settings.desired = 2;
    await stack.up();
    const nodes = (await client.get("/api/v1/nodes")) as unknown as { items: unknown[] };
    expect(nodes.items).toHaveLength(2);

    await stack.destroy();
    expect(((await client.get("/api/v1/nodes")) as unknown as { items: unknown[] }).items).toEqual([]);
    expect(await client.find("/api/v1/namespaces/party")).toBeUndefined();
    const account = cloud.store.account("111111111111");
    expect(account.types()).toEqual([]);
  }, 240_000);
});
