import { log } from "@pulumi/pulumi";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { PartyCluster } from "../../components/aws/party-cluster.ts";
import { PodTraffic } from "../../components/kubernetes/pod-traffic.ts";
import { connectorChartProblems, knownConnectorCharts } from "../../components/zama-kms/connector-charts.ts";
import { ConnectorRelease } from "../../components/zama-kms/connector-release.ts";
import { connectorValues } from "../../components/zama-kms/connector-values.ts";
import { Party } from "../../components/zama-kms/party.ts";
import { ConnectorAgreement } from "../../contract/optional-releases.ts";
import { type MockStack, onMockStack } from "../support/mocks.ts";
import { hex } from "../support/network.ts";
import { agreedConnector, wantsConnector } from "../support/releases.ts";
import { exampleSettings } from "./example.ts";

const protocolConfig = `0x${hex(40, "4")}`;
const agreed = (version = "1.5.1", ethereum?: object) => ConnectorAgreement.parse(agreedConnector(version, ethereum));
const settings = {
  coreEndpoint: "http://kms-core-3:50100",
  database: { name: "kmsconnector", sslmode: "require" },
  serviceAccount: "mpc-party-connector",
  configMapName: "mpc-party",
  nodeKey: "node.kubernetes.io/enclave-enabled",
};
const release = (more: object = {}) =>
  onMockStack(
    () =>
      new ConnectorRelease("c", {
        ...settings,
        namespace: "kms-decentralized",
        agreed: agreed(),
        chart: { ref: `oci://example/kms-connector@sha256:${hex(64, "c")}`, version: "1.5.1" },
        ...more,
      }),
  );

describe("values of a connector", () => {
  test("go to the own core, sign with the key that the ConfigMap names, and name Secrets alone", () => {
    const { commonConfig, ...services } = connectorValues(agreed(), settings);
    expect(commonConfig).toMatchObject({
      databaseUrl: "postgresql://$(DATABASE_ENDPOINT)/kmsconnector?sslmode=require",
      gatewayUrl: "$(CONDUIT_RPC_HTTP_URL)",
      gatewayChainId: "10901",
      ethereumChainId: "11155111",
    });
    expect(commonConfig.env.map(({ name, valueFrom }) => [name, ...Object.values(valueFrom.secretKeyRef)])).toEqual([
      ["DATABASE_ENDPOINT", "connector-database", "endpoint"],
      ["PGUSER", "connector-database", "username"],
      ["PGPASSWORD", "connector-database", "password"],
      ["ETHEREUM_RPC_URL", "rpc", "ethereum-rpc-url"],
      ["POLYGON_RPC_URL", "rpc", "polygon-rpc-url"],
      ["CONDUIT_RPC_HTTP_URL", "conduit", "conduit-rpc-http-url"],
    ]);
    expect(services.kmsConnectorKmsWorker.config).toEqual({
      kmsCoreEndpoints: "http://kms-core-3:50100",
      hostChains: [
        { url: "$(ETHEREUM_RPC_URL)", chainId: 11_155_111, aclAddress: `0x${hex(40, "5")}` },
        { url: "$(POLYGON_RPC_URL)", chainId: 80_002, aclAddress: `0x${hex(40, "6")}` },
      ],
    });
    expect(services.kmsConnectorTxSender).toMatchObject({
      serviceAccountName: "mpc-party-connector",
      wallet: {
        awsKms: { enabled: true, configmap: { name: "mpc-party", key: "KMS_CONNECTOR__TX_SENDER_AWS_KMS_KEY_ID" } },
      },
      image: { name: "example/tx-sender", tag: `v0.13.0@sha256:${hex(64, "4")}` },
      tracing: { enabled: false },
    });
    expect(services.kmsConnectorGwListener.config.gatewayUrl).toBe("$(CONDUIT_RPC_HTTP_URL)");
    const withNode = connectorValues(agreed(), { ...settings, gatewayNodeUrl: "http://gateway-node:8547" });
    expect(withNode.kmsConnectorGwListener.config.gatewayUrl).toBe("http://gateway-node:8547");
    // A full node takes no eth_sendRawTransactionSync.
    expect(withNode.commonConfig.gatewayUrl).toBe("$(CONDUIT_RPC_HTTP_URL)");
  });

  test("name the contracts where each version of the chart looks for them", () => {
    const contracts = (version: string, ethereum?: object) => {
      const { gatewayContractAddresses: gateway, ethereumContractAddresses } = connectorValues(
        agreed(version, ethereum),
        settings,
      ).commonConfig;
      return [Object.keys(gateway), Object.keys(ethereumContractAddresses)];
    };
    expect(contracts("1.5.2")).toEqual([
      ["decryption", "gatewayConfig", "kmsGeneration"],
      ["kmsVerifier", "acl"],
    ]);
    expect(contracts("1.5.3", { protocolConfig })).toEqual([
      ["decryption", "gatewayConfig"],
      ["protocolConfig", "kmsGeneration", "acl"],
    ]);
  });

  test("are refused where the chart's version would drop one, or is unknown", () => {
    const fields = (version: string, ethereum?: object) =>
      connectorChartProblems(agreed(version, ethereum)).map(({ field }) => field);
    expect(knownConnectorCharts.filter((version) => fields(version).length === 0)).toEqual([
      ...["1.4.1", "1.4.2", "1.5.0", "1.5.1", "1.5.2"],
    ]);
    expect(fields("1.5.6")).toEqual(["connector.ethereum.protocolConfig", "connector.ethereum.kmsVerifier"]);
    expect(fields("1.5.6", { protocolConfig })).toEqual([]);
    expect(fields("1.4.0")).toEqual(["connector.chart.version"]);
  });
});

describe("ConnectorRelease", () => {
  test("brings the database up to date before the services, by an image's digest, and waits for no core", async () => {
    const stack = await release();
    const job = stack.get("c-migration-job");
    const [container] = job.inputs.spec.template.spec.containers;
    expect(container).toMatchObject({
      image: `example/db-migration:v0.13.0@sha256:${hex(64, "1")}`,
      command: ["sqlx", "migrate", "run", "--source", "/migrations"],
    });
    expect(container.env.at(-1)).toEqual({
      name: "DATABASE_URL",
      value: "postgresql://$(DATABASE_ENDPOINT)/kmsconnector?sslmode=require",
    });
    expect(job.inputs.spec.template.spec.imagePullSecrets).toEqual([{ name: "registry-credentials" }]);
    const { inputs, dependsOn, parent } = stack.get("c-release");
    expect(parent).toBe(stack.get("c").urn);
    expect(dependsOn).toContain(job.urn);
    expect(inputs).toMatchObject({
      name: "kms-connector",
      version: "1.5.1",
      skipAwait: true,
      createNamespace: false,
      values: { kmsConnectorDbMigration: { enabled: false } },
    });
  });

  test("a chart without digest, of another version, and a core elsewhere are refused together", async () => {
    const wrong = release({
      chart: { ref: "oci://example/kms-connector", version: "1.5.0" },
      coreEndpoint: "http://kms-core-3.elsewhere.example:50100",
    });
    await expect(wrong).rejects.toMatchObject({
      errors: ["chart.ref", "chart.version", "coreEndpoint"].map((propertyPath) => ({ propertyPath })),
    });
  });
});

describe("a party with a connector", () => {
  const form = "fields";
  const from = ["registry-credentials", "rpc", "conduit"].map((name) => ({ name, remoteName: name, form }));
  const secrets = { externalSecrets: { storeName: "aws", from } };
  const given = exampleSettings({ connector: agreedConnector() }, { ...wantsConnector, secrets });
  let stack: MockStack<Party>;
  beforeAll(async () => {
    // Of the key without material, and of the database that TLS is not forced on.
    vi.spyOn(log, "warn").mockResolvedValue();
    const charts = { connector: { ref: "/charts/kms-connector", version: "1.5.1" } };
    stack = await onMockStack(() => {
      const { accountId, cluster } = given.config;
      const made = new PartyCluster("eks", { region: "eu-west-1", accountId, cluster });
      return new Party("p", { ...given, charts, cluster: made });
    });
  });

  test("uses the database of its stack through its name in the cluster, as TLS was decided there", () => {
    const { values } = stack.get("p-kms-connector-release").inputs;
    expect(values.commonConfig.databaseUrl).toBe(
      "postgresql://kms-connector-db-external.kms-decentralized.svc.cluster.local:5432/kmsconnector?sslmode=prefer",
    );
    expect(values.kmsConnectorKmsWorker.config.kmsCoreEndpoints).toBe("http://kms-core-1:50100");
    expect(stack.get("p-kms-connector").dependsOn).toContain(stack.get("p-kms-worker-traffic-policy").urn);
  });

  test("takes the password of its own database from where AWS keeps it", () => {
    const { inputs, urn } = stack.get("p-database-secret-connector-database");
    expect(inputs.spec.dataFrom[0].extract.key).toMatch(/^arn:aws:secretsmanager:/);
    expect(stack.get("p-kms-connector").dependsOn).toContain(urn);
  });

  test("lets its worker reach the core's gRPC port and no other port, and its other pods nothing of the core", () => {
    const egress = (kind: string): { to: object[]; ports: { port: number }[] }[] =>
      stack.get(`p-${kind}-traffic-policy`).inputs.spec.egress;
    const toCore = (kind: string) => egress(kind).filter(({ to }) => JSON.stringify(to).includes("kms-core"));
    expect(toCore("kms-worker")).toEqual([
      { to: [{ podSelector: { matchLabels: { app: "kms-core" } } }], ports: [{ protocol: "TCP", port: 50_100 }] },
    ]);
    for (const kind of ["gw-listener", "tx-sender", "db-migration"]) expect(toCore(kind)).toEqual([]);
    const ports = (kind: string) => egress(kind).flatMap((rule) => rule.ports.map(({ port }) => port));
    expect(ports("db-migration")).toEqual([53, 53, 5432]);
    expect(ports("tx-sender")).toEqual([53, 53, 5432, 443]);
    expect(stack.get("p-traffic-core").inputs.spec.ingress[1].from).toContainEqual({
      podSelector: { matchLabels: { app: "kms-connector-kms-worker" } },
    });
  });
});

test("traffic of every pod, and a rule that admits everybody, are refused", async () => {
  const ports = [{ protocol: "TCP", port: 1 }];
  const wrong = onMockStack(
    () =>
      new PodTraffic("t", { namespace: "n", policyName: "t", pods: {}, from: [{ ports }], to: [{ to: [], ports }] }),
  );
  await expect(wrong).rejects.toMatchObject({
    errors: ["pods", "from[0]", "to[0]"].map((propertyPath) => ({ propertyPath })),
  });
});
