import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PartyCluster } from "../../components/aws/party-cluster.ts";
import type { ArchivedChart } from "../../contract/cluster-tools.ts";
import { Digest } from "../../contract/names.ts";
import { StackConfig } from "../../contract/stack-config.ts";
import { chartArchive } from "../../stacks/chart-archive.ts";
import { createClusterTools, settleClusterTools } from "../../stacks/cluster-tools.ts";
import { onMockStack } from "../support/mocks.ts";
import { hex, rawStackConfig } from "../support/network.ts";

let server: Server;
let dir: string;
let asked = 0;
const archive = Buffer.from("a chart");

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "quorate-charts-"));
  server = createServer((request, response) => {
    asked += 1;
    response.writeHead(request.url === "/chart.tgz" ? 200 : 404).end(archive);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(async () => {
  server.close();
  await rm(dir, { recursive: true });
});

const chart = (change: Partial<ArchivedChart> = {}): ArchivedChart => ({
  name: "chart",
  version: "1.0.0",
  url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/chart.tgz`,
  digest: Digest.parse(`sha256:${createHash("sha256").update(archive).digest("hex")}`),
  ...change,
});

test("a chart is downloaded once, whoever asks, and compared each time", async () => {
  const path = join(dir, "chart-1.0.0.tgz");
  expect(await chartArchive(chart(), dir)).toBe(path);
  expect(await chartArchive(chart(), dir)).toBe(path);
  expect(asked).toBe(1);
  expect(await readFile(path)).toEqual(archive);
  await writeFile(path, "another chart");
  await expect(chartArchive(chart(), dir)).rejects.toMatchObject({ problem: { code: "CHART_CHANGED" } });
});

test("a chart that is not there, or not the one that is pinned, is refused and not kept", async () => {
  const gone = chart({ name: "gone", url: chart().url.replace("chart.tgz", "gone.tgz") });
  await expect(chartArchive(gone, dir)).rejects.toMatchObject({
    problem: {
      code: "CHART_MISSING",
      found: expect.stringContaining("404"),
      next: expect.stringContaining(join(dir, "gone-1.0.0.tgz")),
    },
  });
  const other = chart({ name: "other", digest: Digest.parse(`sha256:${hex(64, "e")}`) });
  await expect(chartArchive(other, dir)).rejects.toMatchObject({ problem: { code: "CHART_CHANGED" } });
  await expect(readFile(join(dir, "other-1.0.0.tgz"))).rejects.toThrow("ENOENT");
});

const tools = (change: object, create: object = {}) => {
  const raw = rawStackConfig();
  raw.cluster.create = { ...raw.cluster.create, ...create };
  return settleClusterTools(StackConfig.parse({ ...raw, ...change }), "Pulumi.party-1.yaml");
};
const none = { loadBalancerController: undefined, prometheusOperator: undefined };
const operator = { version: "88.5.3", digest: `sha256:${hex(64)}` };

test("a stack that needs no tools gets none, and no chart is looked for", async () => {
  expect(await tools({})).toEqual(none);
  expect(await tools({ cluster: { existing: { name: "shared" } }, endpointService: "created" })).toEqual(none);
});

test("the Prometheus operator comes from the registry, by digest", async () => {
  expect(await tools({ monitoring: { prometheusOperator: "present" } }, { prometheusOperator: operator })).toEqual({
    ...none,
    prometheusOperator: {
      ref: `oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack@${operator.digest}`,
      version: "88.5.3",
    },
  });
});

const made = async (change: object, create: object = {}) => {
  const raw = rawStackConfig();
  raw.cluster.create = { ...raw.cluster.create, ...create };
  const config = StackConfig.parse({ ...raw, ...change });
  const chart = { ref: "/charts/aws-load-balancer-controller-3.5.0.tgz", version: "3.5.0" };
  const operator = { ref: `oci://charts.example/kube-prometheus-stack@sha256:${hex(64)}`, version: "88.5.3" };
  return await onMockStack(() => {
    const args = { region: config.region, accountId: config.accountId, cluster: config.cluster };
    const cluster = new PartyCluster("eks", args);
    const tools = { loadBalancerController: chart, prometheusOperator: operator };
    return createClusterTools("party-1", config, cluster, tools, {});
  });
};

test("tools are made beside the party, and the party waits for the operator's kinds alone", async () => {
  const stack = await made({ monitoring: { prometheusOperator: "present", namespace: "watchers" }, gatewayNode: {} });
  expect(stack.get("party-1-balancers-release").inputs.values).toMatchObject({
    clusterName: "kms-party-1",
    vpcId: "vpc-0000000000000011",
  });
  expect(stack.get("party-1-prometheus-release").inputs.namespace).toBe("watchers");
  expect(stack.get("party-1-volumes-class").inputs).toMatchObject({
    metadata: { name: "gp3" },
    parameters: { type: "gp3", encrypted: "true" },
  });
  expect(stack.result).toHaveLength(1);
});

test("nothing is put into a cluster that exists", async () => {
  const stack = await made({ cluster: { existing: { name: "shared" } }, gatewayNode: {} });
  expect(stack.resources.map(({ name }) => name)).toEqual(["eks"]);
});

test("a controller that somebody else installs is neither fetched nor made", async () => {
  expect(await tools({ endpointService: "created" }, { loadBalancerController: "byHand" })).toEqual(none);
});

test("half of what is needed is refused", async () => {
  await expect(tools({ endpointService: "created" }, { loadBalancerController: "absent" })).rejects.toMatchObject({
    problem: {
      code: "CLUSTER_LACKS",
      found: expect.stringContaining("quorate:cluster.create.loadBalancerController: absent"),
    },
  });
  await expect(tools({}, { prometheusOperator: operator })).rejects.toMatchObject({
    problem: { code: "CLUSTER_LACKS", found: expect.stringContaining("quorate:monitoring.prometheusOperator: absent") },
  });
});
