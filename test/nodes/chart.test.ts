import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments, stringify } from "yaml";
import { readServerConfig } from "../../devnet/nodes/server-config.ts";
import { toolPath } from "../../devnet/tool-path.ts";
import { chartDigest } from "../../stacks/chart-digest.ts";

const projectRoot = join(import.meta.dirname, "../..");
const chart = join(projectRoot, "devnet/charts/kms-core");
const pcrs = { pcr0: "a1".repeat(48), pcr1: "b1".repeat(48), pcr2: "c1".repeat(48) };
const folder = mkdtempSync(join(tmpdir(), "quorate-chart-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = promisify(execFile);
const helm = (...args: string[]) => run(toolPath("helm"), args, { env: { ...process.env, HELM_CACHE_HOME: folder } });

// biome-ignore lint/suspicious/noExplicitAny: manifests of many kinds
type KubernetesObject = any;

function values(change: object = {}): object {
  return {
    kmsPeers: { id: 2, count: 1 },
    kmsCore: {
      nameOverride: "kms-core",
      addressOverride: "mpc-node",
      image: { name: "example/core", tag: "v1", pullPolicy: "IfNotPresent" },
      serviceAccountName: "mpc-party",
      thresholdMode: {
        enabled: true,
        thresholdValue: 1,
        peersList: [1, 2, 3, 4].map((id) => ({ id, host: `mpc-node-${id}`, port: 50_001 })),
        tls: { enabled: true, trustedReleases: [pcrs, { ...pcrs, pcr0: "d1".repeat(48) }] },
      },
      nitroEnclave: { enabled: true, cpuCount: 6, memoryGiB: 8 },
      publicVault: { s3: { enabled: true, bucket: "public", prefix: "PUB-p2" } },
      privateVault: { s3: { enabled: true, bucket: "private", prefix: "PRV-p2" }, awskms: { enabled: true } },
      nodeSelector: { "node.kubernetes.io/enclave": "true" },
      tolerations: [{ key: "enclave", operator: "Equal", value: "true", effect: "NoSchedule" }],
    },
    kmsGenCertAndKeys: { enabled: true },
    ...change,
  };
}

async function render(change: object = {}): Promise<KubernetesObject[]> {
  const file = join(folder, "values.yaml");
  writeFileSync(file, stringify(values(change)));
  const { stdout } = await helm("template", "kms-core", chart, "--namespace", "kms-decentralized", "--values", file);
  return parseAllDocuments(stdout).flatMap((document) => document.toJS() ?? []);
}

const named = (objects: KubernetesObject[]) => objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();

let objects: KubernetesObject[];
beforeAll(async () => {
  objects = await render();
});
const find = (kind: string, name: string) =>
  objects.find((object) => object.kind === kind && object.metadata.name === name);

test("the manifest of the devnet names this chart by its digest", async () => {
  const manifest = parse(await readFile(join(projectRoot, "stacks/networks/devnet.yaml"), "utf8"));
  expect(manifest.chart.digest).toBe(await chartDigest(chart));
});

test("helm finds nothing to complain of, with the values that a party sets", async () => {
  const { stdout } = await helm("lint", chart, "--strict", "--values", join(folder, "values.yaml"));
  expect(stdout).toContain("0 chart(s) failed");
});

test("one party's objects have the real chart's names", () => {
  expect(named(objects)).toEqual([
    "ConfigMap kms-core-config",
    "Job kms-core-gen-cert-and-keys",
    "Service kms-core",
    "Service kms-core-2",
    "StatefulSet kms-core",
  ]);
});

describe("the StatefulSet", () => {
  test("numbers its pod by the party id and asks for an enclave of the right size", () => {
    const { spec } = find("StatefulSet", "kms-core");
    expect(spec).toMatchObject({ replicas: 1, ordinals: { start: 2 }, podManagementPolicy: "Parallel" });
    const [container] = spec.template.spec.containers;
    expect(container.name).toBe("kms-core-enclave");
    expect(container.resources.limits).toMatchObject({
      "aws.ec2.nitro/nitro_enclaves": "1",
      "aws.ec2.nitro/nitro_enclaves_cpus": "6",
      "hugepages-1Gi": "8Gi",
    });
    expect(spec.template.spec).toMatchObject({
      serviceAccountName: "mpc-party",
      nodeSelector: { "node.kubernetes.io/enclave": "true" },
      tolerations: [{ key: "enclave" }],
    });
  });

  test("restarts its pod when the configuration changes, and only then", async () => {
    const checksum = (all: KubernetesObject[]) =>
      all.find(({ kind }) => kind === "StatefulSet").spec.template.metadata.annotations["checksum/config"];
    expect(checksum(await render())).toBe(checksum(objects));
    const base = values() as { kmsCore: { thresholdMode: object } };
    const changed = await render({
      kmsCore: {
        ...base.kmsCore,
        thresholdMode: { ...base.kmsCore.thresholdMode, tls: { enabled: true, trustedReleases: [pcrs] } },
      },
    });
    expect(checksum(changed)).not.toBe(checksum(objects));
  });
});

test("the ConfigMap comes before the job that makes the keys, and both before the core", () => {
  const annotations = (kind: string, name: string) => find(kind, name).metadata.annotations;
  expect(annotations("ConfigMap", "kms-core-config")).toEqual({
    "helm.sh/hook": "pre-install,pre-upgrade",
    "helm.sh/hook-weight": "-2",
  });
  expect(annotations("Job", "kms-core-gen-cert-and-keys")).toEqual({
    "helm.sh/hook": "pre-install",
    "helm.sh/hook-weight": "-1",
    "helm.sh/hook-delete-policy": "hook-succeeded",
  });
});

test("a node process reads the rendered kms-server.toml", () => {
  const { data } = find("ConfigMap", "kms-core-config");
  for (const [name, text] of Object.entries(data)) writeFileSync(join(folder, name), text as string);
  const config = readServerConfig(folder, { KMS_CORE__THRESHOLD__MY_ID: "2" });
  expect(config).toMatchObject({ myId: 2, threshold: 1, ports: { grpc: 50_100, peer: 50_001, metrics: 9_646 } });
  expect(config.trustedReleases).toHaveLength(2);
  expect(config.peers.map(({ mpcIdentity }) => mpcIdentity)).toEqual([1, 2, 3, 4].map((id) => `mpc-node-${id}`));
  expect(JSON.parse(data["enclave.json"])).toMatchObject({ cpu_count: 6, memory_mib: 8192 });
  expect(data["kms-gen-keys.toml"]).toContain('tls_subject = "mpc-node-2"');
  expect(data["vaults.toml"]).toContain("[private_vault.keychain.aws_kms]");
});

test("core-client, threshold-init and backup vault are switches", async () => {
  const base = values() as { kmsCore: object };
  const all = await render({
    kmsCore: { ...base.kmsCore, backupVault: { s3: { enabled: true }, awskms: { enabled: true } } },
    kmsCoreClient: { enabled: true, nameOverride: "kms-core-client", num_majority: 2, num_reconstruct: 3 },
    kmsInit: { enabled: true },
  });
  expect(named(all)).toEqual(expect.arrayContaining(["Job kms-core-threshold-init", "StatefulSet kms-core-client"]));
  const config = all.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === "kms-core-config");
  expect(config.data["vaults.toml"]).toContain("[backup_vault.storage.s3]");
});
