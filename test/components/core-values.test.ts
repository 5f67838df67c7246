import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse as parseToml } from "smol-toml";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { PartyNamespace } from "../../components/kubernetes/party-namespace.ts";
import { chartProblems, knownChartVersions } from "../../components/zama-kms/chart-versions.ts";
import { CoreRelease } from "../../components/zama-kms/core-release.ts";
import { type CoreStart, startsAtOnce } from "../../components/zama-kms/core-start.ts";
import { type CoreSettings, coreValues } from "../../components/zama-kms/core-values.ts";
import { NetworkManifest } from "../../contract/network-manifest.ts";
import { toolPath } from "../../devnet/tool-path.ts";
import { onMockStack } from "../support/mocks.ts";
import { hex, rawManifest } from "../support/network.ts";

const chart = join(import.meta.dirname, "../../devnet/charts/kms-core");
const folder = mkdtempSync(join(tmpdir(), "quorate-values-"));
afterAll(() => rmSync(folder, { recursive: true }));

// biome-ignore lint/suspicious/noExplicitAny: manifests of many kinds
type KubernetesObject = any;

async function render(values: object): Promise<KubernetesObject[]> {
  const file = join(folder, "values.yaml");
  writeFileSync(file, stringify(values));
  const args = ["template", "kms-core", chart, "--namespace", "kms-decentralized", "--values", file];
  const { stdout } = await promisify(execFile)(toolPath("helm"), args, {
    env: { ...process.env, HELM_CACHE_HOME: folder },
  });
  return parseAllDocuments(stdout).flatMap((document) => document.toJS() ?? []);
}

const manifest = (fields: object = {}, chartFields: object = {}) => {
  const raw = rawManifest();
  return NetworkManifest.parse({ ...raw, ...fields, chart: { ...raw.chart, ...chartFields } });
};

/** Settings of one party in which nothing is as another party has it. */
function settings(partyId: number, agreed = manifest()): CoreSettings {
  const release = agreed.trustedReleases[partyId % 2];
  if (!release) throw new Error("the example manifest has two releases");
  return {
    partyId,
    region: `eu-west-${partyId}`,
    release,
    serviceAccount: `account-${partyId}`,
    configMapName: `map-${partyId}`,
    nodeKey: `key-${partyId}`,
    publicVault: { bucketName: `pub-${partyId}`, prefix: `PUB-p${partyId}` },
    privateVault: { bucketName: `prv-${partyId}`, prefix: `PRV-p${partyId}`, keyId: `k${partyId}`, keySpec: "symm" },
  };
}

/** Paths at which two values differ. */
function differing(a: unknown, b: unknown, path = ""): string[] {
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) return a === b ? [] : [path];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
    differing((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], path ? `${path}.${key}` : key),
  );
}

describe("values of one party", () => {
  test("differ from another's only where nothing has to be equal", () => {
    expect(differing(coreValues(manifest(), settings(1)), coreValues(manifest(), settings(2))).sort()).toEqual([
      "kmsCore.aws.region",
      "kmsCore.envFrom.configmap.name",
      "kmsCore.image.tag",
      "kmsCore.nodeSelector.key-1",
      "kmsCore.nodeSelector.key-2",
      "kmsCore.privateVault.awskms.rootKeyId",
      "kmsCore.privateVault.s3.bucket",
      "kmsCore.privateVault.s3.prefix",
      "kmsCore.publicVault.s3.bucket",
      "kmsCore.publicVault.s3.prefix",
      "kmsCore.serviceAccountName",
      "kmsCore.tolerations.0.key",
      "kmsPeers.id",
    ]);
  });

  test("make keys and certificate alone while the core is held back, and nothing else is another then", () => {
    const start = { heldFor: [2], peerCertificates: undefined };
    const held = coreValues(manifest(), { ...settings(1), start });
    expect(held.kmsGenCertAndKeys.enabled).toBe(true);
    expect(differing(coreValues(manifest(), settings(1)), held)).toEqual(["kmsCore.enabled"]);
  });

  test("name the tunnel only where the chart has one", () => {
    const tunnel = (version: string) =>
      coreValues(manifest({}, { version }), settings(1)).kmsCore.nitroEnclave.networkTunnel;
    expect(knownChartVersions.filter((version) => tunnel(version) === undefined)).toEqual([
      ...["1.5.0", "1.5.1", "1.5.2", "1.6.0", "1.6.1", "1.7.0", "1.7.1"],
    ]);
  });
});

describe("a core that is held back", () => {
  const kinds = async (start: CoreStart) =>
    (await render(coreValues(manifest(), { ...settings(1), start }))).map(({ kind }) => kind).sort();

  test("has the job that makes its keys and its certificate, and no pod", async () => {
    expect(await kinds({ heldFor: [2, 3], peerCertificates: undefined })).toEqual(["ConfigMap", "Job"]);
    expect(await kinds(startsAtOnce)).toContain("StatefulSet");
  });

  test("starts with a pod that says which certificates it read, so that another one is another pod", async () => {
    const start = { heldFor: [], peerCertificates: "p2:00 p3:11 p4:22" };
    const objects = await render(coreValues(manifest(), { ...settings(1), start }));
    const { template } = objects.find(({ kind }) => kind === "StatefulSet").spec;
    expect(template.metadata.annotations).toMatchObject({ "quorate.dev/peer-certificates": "p2:00 p3:11 p4:22" });
  });

  test("is waited for by Helm only when it starts with the certificates of cards", async () => {
    const waits = async (start: CoreStart) => {
      const args = {
        ...settings(1),
        ...{ manifest: manifest(), start, namespace: "n", chart: { ref: chart, version: "1.9.1" } },
      };
      const stack = await onMockStack(() => new CoreRelease("c", args));
      const { skipAwait, timeout } = stack.get("c-release").inputs;
      expect(timeout).toBe(600);
      return !skipAwait;
    };
    expect(await waits({ heldFor: [], peerCertificates: "p2:00" })).toBe(true);
    expect(await waits({ heldFor: [2], peerCertificates: undefined })).toBe(false);
    expect(await waits(startsAtOnce)).toBe(false);
  });
});

describe("the chart", () => {
  const protocol = {
    decryptionMode: "BitDecSmall",
    decCapacity: 9_000,
    minDecCache: 4_000,
    numSessionsPreproc: 72,
    tokioWorkerThreads: 6,
    rayonNumThreads: 30,
    rateLimiterBucketSize: 60_000,
    peerNetwork: {
      initialIntervalMs: 150,
      maxIntervalSeconds: 61,
      maxElapsedSeconds: 301,
      timeoutSeconds: 302,
      maxInactiveSessionsPerParty: 1_001,
    },
    migration: [{ contextId: hex(64, "7"), epochIds: [hex(64, "8"), hex(64, "9")] }],
  };
  const image = (name: string) => ({ repository: `example/${name}`, tag: "v1", digest: `sha256:${hex(64, "e")}` });
  const agreed = manifest(
    { protocol, enclave: { cpuCount: 44, memoryGib: 80 }, ports: { grpc: 50_101, peer: 50_002, metrics: 9_647 } },
    { toolImages: { socat: image("socat") } },
  );
  const backupVault = { bucketName: "backup", prefix: "BACKUP", key: { id: "b", spec: "asymm" } } as const;
  let objects: KubernetesObject[];
  // biome-ignore lint/suspicious/noExplicitAny: a configuration file of the core
  let server: any;
  beforeAll(async () => {
    objects = await render(coreValues(agreed, { ...settings(3, agreed), backupVault }));
    server = parseToml(fill(config("kms-server.toml")));
  });
  const find = (kind: string) => objects.find((object) => object.kind === kind);
  const config = (file: string): string => find("ConfigMap").data[file];
  /** As the init container does, before the core reads the file. */
  const fill = (text: string) => text.replaceAll(/(= )?"?\$\{[^}]+\}"?/g, '$1"filled"');

  test("hands every value of the protocol on to the core", () => {
    const { decryptionMode, decCapacity, minDecCache, numSessionsPreproc, peerNetwork } = protocol;
    expect(server.threshold).toMatchObject({
      threshold: 1,
      listen_port: 50_002,
      decryption_mode: decryptionMode,
      dec_capacity: decCapacity,
      min_dec_cache: minDecCache,
      num_sessions_preproc: numSessionsPreproc,
      core_to_core_net: {
        initial_interval_ms: peerNetwork.initialIntervalMs,
        max_interval: peerNetwork.maxIntervalSeconds,
        max_elapsed_time: peerNetwork.maxElapsedSeconds,
        network_timeout: peerNetwork.timeoutSeconds,
        max_opened_inactive_sessions_per_party: peerNetwork.maxInactiveSessionsPerParty,
      },
    });
    expect(server.internal_config).toEqual({ num_tokio_threads: 6, num_rayon_threads: 30 });
    expect(server.rate_limiter_conf.bucket_size).toBe(60_000);
    expect(server.service.listen_port).toBe(50_101);
    expect(server.telemetry.metrics_bind_address).toBe("0.0.0.0:9647");
    expect(server.migration.context_associations).toEqual([
      { context_id: hex(64, "7"), epoch_ids: [hex(64, "8"), hex(64, "9")] },
    ]);
  });

  test("hands on the trusted releases, all of them, and every peer by the name in its certificate", () => {
    expect(server.threshold.tls.auto.trusted_releases).toEqual(
      agreed.trustedReleases.map(({ pcr0, pcr1, pcr2 }) => ({ pcr0, pcr1, pcr2 })),
    );
    expect(server.threshold.peers.map((peer: { mpc_identity: string; port: number }) => peer)).toMatchObject(
      [1, 2, 3, 4].map((id) => ({ party_id: id, mpc_identity: `mpc-node-${id}`, port: 50_002 })),
    );
  });

  test("makes the CA's subject the own host, as every peer expects it", () => {
    const keygen = parseToml(fill(config("kms-gen-keys.toml"))) as { threshold: { tls_subject: string } };
    expect(keygen.threshold.tls_subject).toBe("mpc-node-3");
    // The trap: without addressOverride the chart certifies kms-core-3, whom no peer knows.
    expect(keygen.threshold.tls_subject).toBe(server.threshold.peers[2].mpc_identity);
  });

  test("seals private and backup vault, each under its key", () => {
    const vaults = parseToml(fill(config("vaults.toml")));
    expect(vaults).toMatchObject({
      public_vault: { storage: { s3: {} } },
      private_vault: { keychain: { aws_kms: {} } },
      backup_vault: { storage: { s3: {} }, keychain: { aws_kms: {} } },
    });
  });

  test("runs the images by digest, and an enclave of the agreed size on the right node", () => {
    const { template } = find("StatefulSet").spec;
    const [main] = template.spec.containers;
    expect(main.image).toMatch(/^example\/core-service-enclave:v0\.13\.20@sha256:[0-9a-f]{64}$/);
    expect(template.spec.initContainers[0].image).toBe(`example/socat:v1@sha256:${hex(64, "e")}`);
    expect(main.resources.limits).toMatchObject({ "aws.ec2.nitro/nitro_enclaves_cpus": "44", "hugepages-1Gi": "80Gi" });
    expect(template.spec).toMatchObject({ nodeSelector: { "key-3": "true" }, serviceAccountName: "account-3" });
    expect(JSON.parse(config("enclave.json"))).toMatchObject({ cpu_count: 44, memory_mib: 80 * 1024 });
  });

  test("asks for a pod that only a namespace of level `privileged` admits, as the party's is", async () => {
    const { volumes, initContainers } = find("StatefulSet").spec.template.spec;
    const devices = volumes.filter((volume: { hostPath?: object }) => volume.hostPath);
    const privileged = initContainers.filter(
      (container: { securityContext?: { privileged?: boolean } }) => container.securityContext?.privileged,
    );
    expect([devices.length, privileged.map(({ name }: { name: string }) => name)]).toEqual([
      2,
      ["enclave-network-tunnel"],
    ]);
    const args = {
      ...{ namespace: "kms-decentralized", partyId: 3, partyLabel: "party-3" },
      roles: { core: "arn:core", connector: "arn:connector" },
      publicVault: { url: "https://pub", bucketName: "pub", prefix: "PUB-p3" },
      privateVault: { bucketName: "prv", prefix: "PRV-p3", keyId: "key", keySpec: "symm" },
    } as const;
    const stack = await onMockStack(() => new PartyNamespace("p", args));
    expect(stack.get("p-namespace").inputs.metadata.labels).toMatchObject({
      "pod-security.kubernetes.io/enforce": "privileged",
      "pod-security.kubernetes.io/audit": "restricted",
    });
  });

  test("shares a backup among custodians where that is wanted", async () => {
    const custodians = { bucketName: "backup", prefix: "BACKUP", custodians: true } as const;
    objects = await render(coreValues(agreed, { ...settings(3, agreed), backupVault: custodians }));
    expect(parseToml(fill(config("vaults.toml")))).toMatchObject({
      backup_vault: { storage: { s3: {} }, keychain: { secret_sharing: {} } },
    });
  });
});

describe("a chart that would drop what the manifest asks for", () => {
  test("is refused by the versions that are known", () => {
    expect(chartProblems(manifest({}, { version: "1.4.4" }))).toEqual([
      { field: "chart.version", found: "1.4.4", expected: `one of ${knownChartVersions.join(", ")}` },
    ]);
    for (const version of knownChartVersions) expect(chartProblems(manifest({}, { version }))).toEqual([]);
  });

  test("with request ids for the masks of before are 1.6.1's alone", () => {
    const legacyPrssMask = { beforePublicDecryptId: "0x1f", beforeUserDecryptId: "123" };
    const agreed = (version: string) => manifest({ protocol: { legacyPrssMask } }, { version });
    expect(coreValues(agreed("1.6.1"), settings(1)).kmsCore.legacyPrssMask).toEqual(legacyPrssMask);
    expect(knownChartVersions.filter((version) => chartProblems(agreed(version)).length === 0)).toEqual(["1.6.1"]);
    for (const wrong of [123, "12a", `0x1${hex(64, "0")}`, "9".repeat(78)])
      expect(() =>
        manifest({ protocol: { legacyPrssMask: { ...legacyPrssMask, beforeUserDecryptId: wrong } } }),
      ).toThrow(/request id/);
  });

  test("is refused by the fields that it does not read", () => {
    const raw = rawManifest();
    const image = { repository: "example/socat", tag: "v1", digest: `sha256:${hex(64, "e")}` };
    const migration = [{ contextId: hex(64, "7"), epochIds: [hex(64, "8")] }];
    const older = NetworkManifest.parse({
      ...raw,
      protocol: { migration },
      chart: { ...raw.chart, version: "1.8.1", toolImages: { socat: image, kubeUtils: image } },
    });
    expect(chartProblems(older)).toMatchObject([
      { field: "chart.toolImages.socat", expected: "only kubeUtils" },
      { field: "protocol.migration", expected: "chart 1.8.4, 1.9.0, 1.9.1, 1.9.2" },
    ]);
  });

  test("is refused by the component too, also where only a backup asks for more", async () => {
    const agreed = manifest({}, { version: "1.5.2" });
    const build = (chart: { ref: string; version: string }, backupVault?: CoreSettings["backupVault"]) =>
      onMockStack(
        () => new CoreRelease("c", { ...settings(1, agreed), namespace: "kms", manifest: agreed, chart, backupVault }),
      );
    const custodians = { bucketName: "backup", prefix: "BACKUP", custodians: true } as const;
    await expect(build({ ref: "/chart", version: "1.9.1" }, custodians)).rejects.toMatchObject({
      errors: [{ propertyPath: "chart.version" }, { propertyPath: "backupVault.custodians" }],
    });
    const unknown = manifest({}, { version: "2.0.0" });
    const args = { ...settings(1, unknown), namespace: "kms", manifest: unknown };
    await expect(
      onMockStack(() => new CoreRelease("c", { ...args, chart: { ref: "/chart", version: "2.0.0" } })),
    ).rejects.toMatchObject({
      errors: [{ propertyPath: "manifest.chart.version", reason: expect.stringContaining("1.9.2") }],
    });
  });
});
