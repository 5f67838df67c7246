import { readFileSync } from "node:fs";
import { log } from "@pulumi/pulumi";
import { describe, expect, test, vi } from "vitest";
import { commands } from "../../bin/command-table.mjs";
import { PartyCluster } from "../../components/aws/party-cluster.ts";
import { AlertRules, type AlertRulesArgs } from "../../components/kubernetes/alert-rules.ts";
import { DisruptionBudget } from "../../components/kubernetes/disruption-budget.ts";
import { ExternalSecrets, type ExternalSecretsArgs } from "../../components/kubernetes/external-secrets.ts";
import { GrafanaDashboard } from "../../components/kubernetes/grafana-dashboard.ts";
import {
  CoreNetworkPolicy,
  type CoreNetworkPolicyArgs,
  closedOnly,
} from "../../components/kubernetes/network-policy.ts";
import { ServiceMonitor } from "../../components/kubernetes/service-monitor.ts";
import { alertLimits, coreAlerts } from "../../components/zama-kms/core-alerts.ts";
import { coreDashboard } from "../../components/zama-kms/core-dashboard.ts";
import { Party } from "../../components/zama-kms/party.ts";
import type { PartyArgs } from "../../components/zama-kms/party-args.ts";
import { SecretsChoice } from "../../contract/core-guards.ts";
import { onMockStack } from "../support/mocks.ts";
import { exampleSettings } from "./example.ts";

const namespace = "kms-decentralized";
const core = { app: "kms-core" };

describe("CoreNetworkPolicy", () => {
  const policies = (args: Partial<CoreNetworkPolicyArgs> = {}) =>
    onMockStack(
      () =>
        new CoreNetworkPolicy("n", {
          namespace,
          ports: { grpc: 50_100, peer: 50_001, metrics: 9_646 },
          pods: { core, keyJob: { app: "job" }, prober: { app: "prober" }, clients: [{ app: "connector" }] },
          peerCidrs: ["10.1.0.0/24", "10.1.1.0/24"],
          monitoringNamespace: "watchers",
          awsCidrs: ["0.0.0.0/0"],
          ...args,
        }),
    );
  const blocks = [{ ipBlock: { cidr: "10.1.0.0/24" } }, { ipBlock: { cidr: "10.1.1.0/24" } }];
  const pod = (app: string) => ({ podSelector: { matchLabels: { app } } });
  const tcp = (port: number) => [{ protocol: "TCP", port }];

  test("peers and prober reach the peers' port, named pods give orders, Prometheus and prober read metrics; nobody else comes in", async () => {
    const { spec, metadata } = (await policies()).get("n-core").inputs;
    expect(metadata).toEqual({ name: "quorate-core", namespace });
    expect(spec).toMatchObject({ podSelector: { matchLabels: core }, policyTypes: ["Ingress", "Egress"] });
    expect(spec.ingress).toEqual([
      { from: [...blocks, pod("prober")], ports: tcp(50_001) },
      { from: [pod("connector"), pod("prober")], ports: tcp(50_100) },
      {
        from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "watchers" } } }, pod("prober")],
        ports: tcp(9_646),
      },
    ]);
  });

  test("the core leaves for names, peers and AWS only, and never for the node's own role", async () => {
    const { egress } = (await policies()).get("n-core").inputs.spec;
    const ports = egress.map((rule: { ports: { port: number }[] }) => rule.ports.map(({ port }) => port));
    expect(ports).toEqual([[53, 53], [50_001], [443]]);
    expect(egress[1].to).toEqual(blocks);
    expect(egress[2].to).toEqual([{ ipBlock: { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] } }]);
  });

  test("the job that makes the keys is reached by nobody, and reaches AWS alone; the prober reaches the own core", async () => {
    const stack = await policies({ awsCidrs: ["10.9.0.0/16"] });
    expect(stack.get("n-key-job").inputs.spec).toMatchObject({ ingress: [], policyTypes: ["Ingress", "Egress"] });
    expect(stack.get("n-key-job").inputs.spec.egress[1].to).toEqual([{ ipBlock: { cidr: "10.9.0.0/16" } }]);
    expect(stack.get("n-prober").inputs.spec.egress[2]).toEqual({
      to: [pod("kms-core")],
      ports: [...tcp(50_001), ...tcp(50_100), ...tcp(9_646)],
    });
    for (const name of ["n-core", "n-key-job", "n-prober"]) expect(stack.get(name).parent).toBe(stack.get("n").urn);
  });

  test("a policy about every pod, ports that fall together, and peers from everywhere are refused", async () => {
    const wrong = policies({
      pods: { core: {}, keyJob: { app: "job" }, prober: { app: "prober" }, clients: [{}] },
      ports: { grpc: 50_001, peer: 50_001, metrics: 9_646 },
      awsCidrs: [],
      monitoringNamespace: "",
    });
    await expect(wrong).rejects.toMatchObject({
      errors: ["pods.core", "pods.clients[0]", "ports", "awsCidrs", "monitoringNamespace"].map((propertyPath) => ({
        propertyPath,
      })),
    });
    expect(() => closedOnly(["10.0.0.0/8", "0.0.0.0/0"])).toThrow("0.0.0.0/0 lets everybody in");
    expect(() => closedOnly([])).toThrow("no peer could connect");
  });
});

describe("DisruptionBudget", () => {
  const budget = (selector: Record<string, string>, evictable = false) =>
    onMockStack(() => new DisruptionBudget("b", { namespace, budgetName: "quorate-kms-core", selector, evictable }));

  test("a core that serves is never evicted, one that does not may go", async () => {
    const stack = await budget(core);
    expect(stack.get("b-budget").parent).toBe(stack.get("b").urn);
    expect(stack.get("b-budget").inputs.spec).toEqual({
      maxUnavailable: 0,
      selector: { matchLabels: core },
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    });
  });

  test("with permission the one core may go", async () => {
    expect((await budget(core, true)).get("b-budget").inputs.spec.maxUnavailable).toBe(1);
  });

  test("a budget for every pod is refused", async () => {
    await expect(budget({})).rejects.toMatchObject({ errors: [{ propertyPath: "selector" }] });
  });
});

describe("ServiceMonitor", () => {
  const monitor = (jobLabel = "app", selector: Record<string, string> = core) =>
    onMockStack(
      () =>
        new ServiceMonitor("m", {
          ...{ namespace, monitorName: "quorate-kms-core", selector, jobLabel },
          labels: { release: "prometheus" },
        }),
    );

  test("reads the core's metrics every 30 s, under the job that the alerts name", async () => {
    const stack = await monitor();
    expect(stack.get("m-monitor")).toMatchObject({
      type: "kubernetes:monitoring.coreos.com/v1:ServiceMonitor",
      parent: stack.get("m").urn,
    });
    expect(stack.get("m-monitor").inputs).toMatchObject({
      metadata: { labels: { release: "prometheus" } },
      spec: {
        jobLabel: "app",
        selector: { matchLabels: core },
        endpoints: [{ port: "metrics", path: "/metrics", interval: "30s" }],
      },
    });
  });

  test("a job without a name, and a monitor of every Service, are refused", async () => {
    await expect(monitor("job", {})).rejects.toMatchObject({
      errors: [{ propertyPath: "selector" }, { propertyPath: "jobLabel" }],
    });
  });
});

describe("alerts", () => {
  const alerts = coreAlerts({ partyId: 3, network: "testnet", namespace, rateLimiterBucketSize: 60_000 });
  const rules = (args: Partial<AlertRulesArgs> = {}) =>
    onMockStack(
      () =>
        new AlertRules("a", {
          ...{ namespace, ruleName: "quorate-kms-core", alerts, labels: {} },
          alertLabels: { party: "3" },
          ...args,
        }),
    );
  const expr = (name: string) => alerts.find((alert) => alert.name === name)?.expr ?? "";

  test("have the limits of KMS Core's pages", () => {
    expect(alertLimits).toMatchObject({ cpuLoad: 0.8, memoryShare: 0.85, storageShare: 0.85, podMemoryShare: 0.8 });
    expect(expr("KmsCpuLoadHigh")).toMatch(/^kms_cpu_load\{.*\} > 0\.8$/);
    expect(expr("KmsMemoryHigh")).toMatch(/> 0\.85$/);
    expect(expr("KmsPodMemoryHigh")).toMatch(/> 0\.8$/);
    expect(expr("KmsNodeStorageHigh")).toMatch(/> 0\.85$/);
    expect(expr("KmsRateLimiterSaturated")).toMatch(/>= 60000$/);
  });

  test("tell the first error of a counter too, which increase() does not count", () => {
    for (const name of ["KmsBackupErrors", "KmsOperationErrors", "KmsInsecureOperation"])
      expect(expr(name)).toMatch(/^increase\((.+)\[10m\]\) > 0 or \(\1 > 0 unless \1 offset 10m\)$/);
  });

  test("each say what is the matter and what to type, and only what there is to type", () => {
    for (const { summary, command } of alerts) {
      expect(summary).toMatch(/\.$|\?$/);
      for (const [, word = ""] of command.matchAll(/npx quorate (\w+)/g)) expect(commands).toHaveProperty(word);
      expect(command).toContain("--network testnet");
    }
  });

  test("each stand in the page about them, with their severity, and no other does", () => {
    const page = readFileSync(new URL("../../docs/core-release.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| `(Kms\w+)` \| (\w+) \|/gm)].map(([, name, severity]) => ({ name, severity }));
    expect(rows).toEqual(alerts.map(({ name, severity }) => ({ name, severity })));
  });

  test("are rules of one group, each with severity, party, summary and command", async () => {
    const stack = await rules();
    const { spec } = stack.get("a-rules").inputs;
    expect(stack.get("a-rules").type).toBe("kubernetes:monitoring.coreos.com/v1:PrometheusRule");
    expect(spec.groups).toHaveLength(1);
    expect(spec.groups[0].rules).toHaveLength(alerts.length);
    expect(spec.groups[0].rules[0]).toEqual({
      alert: "KmsCoreDown",
      expr: `absent(up{job="kms-core",namespace="${namespace}"} == 1)`,
      for: "5m",
      labels: { severity: "critical", party: "3" },
      annotations: { summary: expect.any(String), runbook_command: "npx quorate validate --network testnet" },
    });
  });

  test("without a command, of one name, or none at all are refused", async () => {
    const [first] = alerts;
    if (!first) throw new Error("there are alerts");
    await expect(rules({ alerts: [] })).rejects.toMatchObject({ errors: [{ propertyPath: "alerts" }] });
    await expect(rules({ alerts: [first, { ...first, command: " " }] })).rejects.toMatchObject({
      errors: [{ propertyPath: "alerts" }, { propertyPath: "alerts[1].command" }],
    });
  });
});

describe("GrafanaDashboard", () => {
  const dashboard = (dashboardName = "quorate-kms-core", panels = coreDashboard(namespace, 50_000)) =>
    onMockStack(() => new GrafanaDashboard("g", { namespace, dashboardName, title: "Core", panels }));

  test("is a ConfigMap that the sidecar finds, with a graph for each panel", async () => {
    const stack = await dashboard();
    const { metadata, data } = stack.get("g-dashboard").inputs;
    expect(metadata).toMatchObject({ name: "quorate-kms-core", labels: { grafana_dashboard: "1" } });
    const { panels, uid } = JSON.parse(data["quorate-kms-core.json"]);
    expect(uid).toBe("quorate-kms-core");
    expect(panels).toHaveLength(coreDashboard(namespace, 50_000).length);
    const places = panels.map(({ gridPos }: { gridPos: { x: number; y: number } }) => `${gridPos.x},${gridPos.y}`);
    expect(new Set(places).size).toBe(panels.length);
    for (const panel of panels) for (const { expr } of panel.targets) expect(expr).toContain('job="kms-core"');
  });

  test("without a panel, or with a name that Grafana does not take, is refused", async () => {
    await expect(dashboard("d".repeat(41), [])).rejects.toMatchObject({
      errors: [{ propertyPath: "panels" }, { propertyPath: "dashboardName" }],
    });
  });
});

describe("ExternalSecrets", () => {
  const registry = { name: "registry-credentials", remoteName: "kms/registry", form: "registry" } as const;
  const secrets = (args: Partial<ExternalSecretsArgs> = {}) =>
    onMockStack(
      () =>
        new ExternalSecrets("s", {
          namespace,
          store: { kind: "ClusterSecretStore", name: "aws" },
          secrets: [registry, { name: "connector-database", remoteName: "kms/database", form: "fields" }],
          ...args,
        }),
    );

  test("name what the operator fetches, and an update waits until it has", async () => {
    const stack = await secrets();
    expect(stack.get("s-registry-credentials")).toMatchObject({
      type: "kubernetes:external-secrets.io/v1:ExternalSecret",
      parent: stack.get("s").urn,
    });
    expect(stack.get("s-registry-credentials").inputs).toMatchObject({
      apiVersion: "external-secrets.io/v1",
      metadata: { annotations: { "pulumi.com/waitFor": "condition=Ready" } },
      spec: {
        secretStoreRef: { kind: "ClusterSecretStore", name: "aws" },
        target: { name: "registry-credentials", template: { type: "kubernetes.io/dockerconfigjson" } },
        data: [{ secretKey: ".dockerconfigjson", remoteRef: { key: "kms/registry" } }],
      },
    });
    expect(stack.get("s-connector-database").inputs.spec).toMatchObject({
      target: { name: "connector-database" },
      dataFrom: [{ extract: { key: "kms/database" } }],
    });
  });

  test("neither store nor source may lack a name, and no Secret has two sources", async () => {
    const wrong = secrets({
      store: { kind: "SecretStore", name: "" },
      secrets: [registry, { ...registry, remoteName: " " }],
    });
    await expect(wrong).rejects.toMatchObject({
      errors: [{ propertyPath: "store.name" }, { propertyPath: "secrets" }, { propertyPath: "secrets[1].remoteName" }],
    });
  });

  test("a list without the Secret that the chart pulls its images with is refused in either form", () => {
    const from = [{ name: "rpc", remoteName: "kms/rpc", form: "fields" }];
    for (const choice of [{ byHand: ["rpc"] }, { externalSecrets: { storeName: "aws", from } }])
      expect(JSON.stringify(SecretsChoice.safeParse(choice).error?.issues)).toContain("registry-credentials");
  });
});

describe("a party", () => {
  const party = (config: object = {}, more: Pick<PartyArgs, "checkSecrets"> = {}) =>
    onMockStack(() => {
      const settings = { ...exampleSettings({}, config), ...more };
      const { region, accountId, cluster } = settings.config;
      const made = new PartyCluster("eks", { region, accountId, cluster });
      return new Party("party-1", { ...settings, cluster: made });
    });
  const customTypes = (stack: Awaited<ReturnType<typeof party>>) =>
    stack.resources.map(({ type }) => type).filter((type) => /coreos|external-secrets/.test(type));

  test("has policies and a budget by default; its core waits for the policies", async () => {
    const stack = await party();
    expect(
      stack
        .ofType("kubernetes:networking.k8s.io/v1:NetworkPolicy")
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...["party-1-traffic-core", "party-1-traffic-key-job", "party-1-traffic-prober"]]);
    expect(stack.get("party-1-traffic-core").inputs.spec.ingress[0].from[0]).toEqual({
      ipBlock: { cidr: "10.1.0.0/24" },
    });
    expect(stack.get("party-1-eviction-budget").inputs.metadata.name).toBe("quorate-kms-core");
    expect(stack.get("party-1-kms").dependsOn).toContain(stack.get("party-1-traffic-core").urn);
    // Whether the core may go is settled before the nodes change.
    expect(stack.get("party-1-enclaves-nodegroup").dependsOn).toContain(stack.get("party-1-eviction-budget").urn);
    expect(customTypes(stack)).toEqual([]);
  });

  test("has its core's Secrets looked for, unless the core is withheld", async () => {
    const asked: string[] = [];
    const checkSecrets = (of: string) => {
      asked.push(of);
      return undefined;
    };
    await party({ core: "withheld" }, { checkSecrets });
    expect(asked).toEqual([]);
    await party({}, { checkSecrets });
    expect(asked).toEqual(["core"]);
  });

  test("with both operators has monitor, alerts, dashboard and its Secrets; the core waits for the Secrets", async () => {
    const from = [{ name: "registry-credentials", remoteName: "kms/registry", form: "registry" }];
    const stack = await party({
      monitoring: { prometheusOperator: "present", namespace: "watchers", labels: { release: "prometheus" } },
      secrets: { externalSecrets: { storeName: "aws", from } },
    });
    expect(customTypes(stack).sort()).toEqual([
      "kubernetes:external-secrets.io/v1:ExternalSecret",
      "kubernetes:monitoring.coreos.com/v1:PrometheusRule",
      "kubernetes:monitoring.coreos.com/v1:ServiceMonitor",
    ]);
    expect(stack.get("party-1-kms").dependsOn).toContain(stack.get("party-1-secrets-registry-credentials").urn);
    expect(JSON.stringify(stack.get("party-1-traffic-core").inputs.spec.ingress[2])).toContain("watchers");
    expect(stack.get("party-1-grafana-dashboard").inputs.metadata.namespace).toBe(namespace);
  });

  test("whose stack file says nothing of operators hears so, and so does one without policies", async () => {
    const warn = vi.spyOn(log, "warn").mockResolvedValue();
    const stack = await party({
      monitoring: undefined,
      secrets: undefined,
      networkPolicy: { enabled: false },
      coreEviction: "allowed",
    });
    expect(warn.mock.calls.map(([text]) => text.match(/quorate:[a-z]+/i)?.[0]).sort()).toEqual([
      ...["quorate:monitoring", "quorate:networkPolicy", "quorate:secrets"],
    ]);
    expect(stack.ofType("kubernetes:networking.k8s.io/v1:NetworkPolicy")).toEqual([]);
    expect(stack.get("party-1-eviction-budget").inputs.spec.maxUnavailable).toBe(1);
    warn.mockRestore();
  });
});
