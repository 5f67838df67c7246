import { ComponentResource, output } from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { PartyNamespace } from "../../components/kubernetes/party-namespace.ts";
import { CoreClientRelease } from "../../components/zama-kms/core-client-release.ts";
import { GatewayNodeRelease } from "../../components/zama-kms/gateway-node-release.ts";
import type { PartyArgs } from "../../components/zama-kms/party-args.ts";
import { createOptionalReleases } from "../../components/zama-kms/party-releases.ts";
import { GatewayNodeAgreement } from "../../contract/optional-releases.ts";
import { neededSecrets } from "../../contract/release-secrets.ts";
import { onMockStack } from "../support/mocks.ts";
import { rawManifest } from "../support/network.ts";
import { agreedCoreClient, agreedGatewayNode } from "../support/releases.ts";
import { exampleSettings } from "./example.ts";

const namespace = "kms-decentralized";
const chart = (version: string) => ({ ref: "/charts/x", version });

describe("CoreClientRelease", () => {
  const client = (more: object = {}, parties = 4, partyId = 3) =>
    onMockStack(
      () =>
        new CoreClientRelease("c", {
          namespace,
          manifest: exampleSettings(rawManifest(parties)).manifest,
          chart: chart("1.9.1"),
          partyId,
          region: "eu-west-1",
          image: agreedCoreClient.image as never,
          publicVault: { bucketName: "pub", prefix: `PUB-p${partyId}` },
          configMapName: "mpc-party",
          memoryMib: 1024,
          nodeKey: "key",
          ...more,
        }),
    );

  test("is of the core's chart, with nothing of the core, and knows the own core alone", async () => {
    const { inputs } = (await client()).get("c-release");
    expect(inputs).toMatchObject({ name: "kms-core-client", version: "1.9.1", createNamespace: false });
    const { kmsPeers, kmsCore, kmsCoreClient } = inputs.values;
    expect([kmsPeers, kmsCore.enabled, kmsCore.nameOverride]).toEqual([{ id: 3, count: 3 }, false, "kms-core"]);
    expect(kmsCore.thresholdMode).toEqual({ enabled: true, peersList: [] });
    expect(kmsCoreClient).toMatchObject({
      enabled: true,
      image: { tag: expect.stringMatching(/^v0\.13\.0@sha256:7{64}$/) },
      envFrom: { configmap: { name: "mpc-party" } },
      fhe_parameter: "Default",
    });
  });

  test("waits for as many answers as the network's size asks for", async () => {
    const numbers = async (parties: number) => {
      const { num_majority, num_reconstruct } = (await client({}, parties)).get("c-release").inputs.values
        .kmsCoreClient;
      return [num_majority, num_reconstruct];
    };
    // As in the reference: 5 and 9 of 13, 2 and 3 of 4.
    expect([await numbers(13), await numbers(4)]).toEqual([
      [5, 9],
      [2, 3],
    ]);
  });

  test("a prefix that the chart does not look under is refused, and a chart without digest", async () => {
    const wrong = client({
      publicVault: { bucketName: "pub", prefix: "OTHER" },
      chart: { ref: "oci://example/kms-core", version: "1.9.1" },
    });
    await expect(wrong).rejects.toMatchObject({
      errors: [{ propertyPath: "chart.ref" }, { propertyPath: "publicVault.prefix" }],
    });
  });
});

describe("GatewayNodeRelease", () => {
  const agreed = GatewayNodeAgreement.parse(agreedGatewayNode);
  const node = (more: object = {}) =>
    onMockStack(
      () =>
        new GatewayNodeRelease("g", {
          ...{ namespace, agreed, chart: chart("0.7.11"), storageGib: 300, storageClass: "gp3" },
          ...more,
        }),
    );

  test("runs the agreed chain by an image's digest, and has its endpoints from Secrets", async () => {
    const { inputs } = (await node()).get("g-release");
    expect(inputs).toMatchObject({ name: "gateway-node", version: "0.7.11", skipAwait: true });
    const { values } = inputs;
    expect(values).toMatchObject({
      fullnameOverride: "gateway-node",
      image: { repository: "example/nitro-node", tag: expect.stringMatching(/@sha256:8{64}$/) },
      persistence: { enabled: true, size: "300Gi", storageClassName: "gp3" },
    });
    expect(values.configmap.data).toMatchObject({
      "parent-chain": { id: 421_614 },
      chain: { id: 10_901, name: "example" },
      node: { feed: { input: { url: "wss://relay.example" } } },
    });
    const env: { name: string; valueFrom: { secretKeyRef: { name: string; key: string } } }[] = values.extraEnv;
    expect(env.map(({ name, valueFrom: { secretKeyRef: from } }) => [name, from.name, from.key])).toEqual([
      ["NITRO_PARENT-CHAIN_CONNECTION_URL", "arbitrum", "arbitrum-sepolia-rpc-url"],
      ["NITRO_EXECUTION_FORWARDING-TARGET", "conduit", "conduit-rpc-http-url"],
    ]);
    expect("nodeSelector" in values).toBe(false);
    const kept = (await node({ nodeLabel: "example.com/node" })).get("g-release").inputs.values;
    expect(kept).toMatchObject({ nodeSelector: { "example.com/node": "true" }, tolerations: [{ value: "true" }] });
  });

  test("a description of another chain is refused, and a chart of another version", async () => {
    const wrong = node({
      agreed: { ...agreed, chain: { ...agreed.chain, infoJson: '[{"chain-id":1,"parent-chain-id":421614}]' } },
      chart: chart("0.7.12"),
    });
    await expect(wrong).rejects.toMatchObject({
      errors: [
        { propertyPath: "chart.version" },
        {
          propertyPath: "manifest.gatewayNode.chain.infoJson",
          reason: "chain-id has to be 10901, found 1",
        },
      ],
    });
    expect(GatewayNodeAgreement.safeParse({ ...agreedGatewayNode, chain: { infoJson: "{}" } }).success).toBe(false);
  });
});

describe("beside a party's core", () => {
  const given = exampleSettings(
    { gatewayNode: agreedGatewayNode, coreClient: agreedCoreClient },
    { gatewayNode: {}, coreClient: {} },
  );
  const beside = (settings = given) =>
    onMockStack(() => {
      const vault = { bucketName: "b", prefix: "PUB-p1" };
      const place = new PartyNamespace("place", {
        ...{ namespace, partyId: 1, partyLabel: "party-1", roles: { core: "c", connector: "n" } },
        publicVault: { ...vault, url: "https://b.example" },
        privateVault: { ...vault, keyId: "k", keySpec: "symm" },
      });
      const publicVault = { bucketName: output("b"), prefix: "PUB-p1" };
      const charts = { gatewayNode: chart("0.7.11") };
      const args = { ...settings, charts } as unknown as PartyArgs;
      const party = new ComponentResource("test:Party", "p");
      createOptionalReleases(party, "p", args, { place, publicVault, database: undefined, guards: [] });
    });

  test("the core-client reaches its core's gRPC port, names and AWS; nobody reaches it", async () => {
    const { spec } = (await beside()).get("p-core-client-traffic-policy").inputs;
    expect(spec.podSelector.matchLabels).toEqual({ app: "kms-core-client" });
    expect(spec.ingress).toEqual([]);
    expect(spec.egress.slice(1)).toEqual([
      { to: [{ podSelector: { matchLabels: { app: "kms-core" } } }], ports: [{ protocol: "TCP", port: 50_100 }] },
      { to: [{ ipBlock: { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] } }], ports: [{ protocol: "TCP", port: 443 }] },
    ]);
  });

  test("the gateway node answers the connector alone, with the storage that the network knows it needs", async () => {
    const stack = await beside();
    const [rpc, metrics] = stack.get("p-gateway-node-traffic-policy").inputs.spec.ingress;
    expect(rpc.from.map((peer: { podSelector: { matchLabels: object } }) => peer.podSelector.matchLabels)).toEqual(
      ["kms-connector-gw-listener", "kms-connector-kms-worker", "kms-connector-tx-sender"].map((app) => ({ app })),
    );
    expect([rpc.ports, metrics.ports]).toEqual([[{ protocol: "TCP", port: 8547 }], [{ protocol: "TCP", port: 6070 }]]);
    expect(stack.get("p-gateway-node-release").inputs.values.persistence.size).toBe("2000Gi");
  });

  test("each reads Secrets of its own, and what is off none; without policies there are none", async () => {
    const names = (of: "coreClient" | "gatewayNode") => neededSecrets(of, given.config, given.manifest);
    expect(names("coreClient").map(({ name }) => name)).toEqual(["registry-credentials"]);
    expect(names("gatewayNode")).toEqual([
      { name: "arbitrum", keys: ["arbitrum-sepolia-rpc-url"] },
      { name: "conduit", keys: ["conduit-rpc-http-url"] },
    ]);
    const open = await beside(exampleSettings(given.manifest, { coreClient: {}, networkPolicy: { enabled: false } }));
    const made = open.resources.map(({ name }) => name).filter((name) => name.startsWith("p-"));
    expect(made).toEqual(["p-core-client", "p-core-client-release"]);
  });
});
