import { log, output as pulumiOutput } from "@pulumi/pulumi";
import { describe, expect, expectTypeOf, test, vi } from "vitest";
import { PartyCluster } from "../../components/aws/party-cluster.ts";
import type { Outputs } from "../../components/outputs.ts";
import { CoreRelease, coreObjects } from "../../components/zama-kms/core-release.ts";
import { coreValues } from "../../components/zama-kms/core-values.ts";
import { Party } from "../../components/zama-kms/party.ts";
import type { PartyOutputs } from "../../contract/party-outputs.ts";
import { TrustedRelease } from "../../contract/trusted-release.ts";
import type { PartySettings } from "../../stacks/party-settings.ts";
import { onMockStack, settled } from "../support/mocks.ts";
import { rawManifest, release } from "../support/network.ts";
import { exampleSettings } from "./example.ts";

function coreArgs({ manifest, party, release: running, chart, config }: PartySettings) {
  return {
    namespace: "kms-decentralized",
    manifest,
    chart,
    partyId: party.id,
    region: config.region,
    release: running,
    serviceAccount: "mpc-party",
    configMapName: "mpc-party",
    nodeKey: "node.kubernetes.io/enclave-enabled",
    publicVault: { bucketName: "pub", prefix: "PUB-p1" },
    privateVault: { bucketName: "prv", prefix: "PRV-p1", keyId: "key", keySpec: "symm" as const },
  };
}

describe("CoreRelease", () => {
  test("the values name what the network agreed on and what is this party's own", () => {
    const settings = exampleSettings();
    expect(coreValues(settings.manifest, coreArgs(settings))).toMatchInlineSnapshot(`
      {
        "kmsCore": {
          "addressOverride": "mpc-node",
          "aws": {
            "region": "eu-west-1",
          },
          "enabled": true,
          "envFrom": {
            "configmap": {
              "name": "mpc-party",
            },
          },
          "image": {
            "name": "example/core-service-enclave",
            "pullPolicy": "IfNotPresent",
            "tag": "v0.13.20@sha256:2222222222222222222222222222222222222222222222222222222222222222",
          },
          "nameOverride": "kms-core",
          "nitroEnclave": {
            "cpuCount": 48,
            "enabled": true,
            "memoryGiB": 96,
            "networkTunnel": {
              "enabled": true,
            },
          },
          "nodeSelector": {
            "node.kubernetes.io/enclave-enabled": "true",
          },
          "ports": {
            "client": 50100,
            "metrics": 9646,
            "peer": 50001,
          },
          "privateVault": {
            "awskms": {
              "enabled": true,
              "rootKeyId": "key",
              "rootKeySpec": "symm",
            },
            "s3": {
              "bucket": "prv",
              "enabled": true,
              "prefix": "PRV-p1",
            },
          },
          "publicVault": {
            "s3": {
              "bucket": "pub",
              "enabled": true,
              "prefix": "PUB-p1",
            },
          },
          "rateLimiter": {
            "bucketSize": 50000,
          },
          "serviceAccountName": "mpc-party",
          "thresholdMode": {
            "decCapacity": 10000,
            "decryptionMode": "NoiseFloodSmall",
            "enabled": true,
            "initialIntervalMs": 100,
            "maxElapsedTime": 300,
            "maxInterval": 60,
            "maxOpenedInactiveSessionsPerParty": 1000,
            "minDecCache": 6000,
            "networkTimeout": 300,
            "numSessionsPreproc": 100,
            "peersList": [
              {
                "host": "mpc-node-1",
                "id": 1,
                "port": 50001,
              },
              {
                "host": "mpc-node-2",
                "id": 2,
                "port": 50001,
              },
              {
                "host": "mpc-node-3",
                "id": 3,
                "port": 50001,
              },
              {
                "host": "mpc-node-4",
                "id": 4,
                "port": 50001,
              },
            ],
            "rayonNumThreads": 40,
            "thresholdValue": 1,
            "tls": {
              "enabled": true,
              "trustedReleases": [
                {
                  "pcr0": "111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
                  "pcr1": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                  "pcr2": "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
                },
                {
                  "pcr0": "222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222",
                  "pcr1": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                  "pcr2": "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
                },
              ],
            },
            "tokioWorkerThreads": 10,
          },
          "tolerations": [
            {
              "effect": "NoSchedule",
              "key": "node.kubernetes.io/enclave-enabled",
              "operator": "Equal",
              "value": "true",
            },
          ],
        },
        "kmsGenCertAndKeys": {
          "enabled": true,
        },
        "kmsPeers": {
          "count": 1,
          "id": 1,
        },
      }
    `);
  });

  test("the release has the chart's name, does not wait for the core, and lies under its component", async () => {
    const stack = await onMockStack(() => new CoreRelease("c", coreArgs(exampleSettings())));
    expect(stack.get("c-release").parent).toBe(stack.get("c").urn);
    expect(stack.get("c-release").inputs).toMatchObject({
      name: "kms-core",
      chart: "/charts/kms-core",
      version: "1.9.1",
      skipAwait: true,
      createNamespace: false,
    });
    expect(coreObjects(1)).toMatchObject({ statefulSet: "kms-core", pod: "kms-core-1" });
  });

  test("the certificate's subject is the party's host, as its peers expect", () => {
    const parties = rawManifest().parties.map((party: { id: number }) => ({ ...party, host: `core-${party.id}` }));
    const settings = exampleSettings({ parties });
    const { kmsCore, kmsPeers } = coreValues(settings.manifest, coreArgs(settings));
    expect(`${kmsCore.addressOverride}-${kmsPeers.id}`).toBe(kmsCore.thresholdMode.peersList[0]?.host);
  });

  test("a release that peers refuse, a host that the chart can't certify, and a loose chart are refused", async () => {
    const parties = rawManifest().parties.map((party: { id: number }) => ({ ...party, host: `core-${party.id}-eu` }));
    const args = {
      ...coreArgs(exampleSettings({ parties })),
      release: TrustedRelease.parse(release("9.9.9", "9")),
      chart: { ref: "oci://registry.example/kms-core", version: "1.9.1" },
    };
    await expect(onMockStack(() => new CoreRelease("c", args))).rejects.toMatchObject({
      errors: [{ propertyPath: "manifest.parties.host" }, { propertyPath: "release" }, { propertyPath: "chart.ref" }],
    });
  });
});

describe("Party", () => {
  const party = (settings = exampleSettings()) =>
    onMockStack(() => {
      const { region, accountId, cluster } = settings.config;
      const made = new PartyCluster("eks", { region, accountId, cluster });
      return new Party("party-1", { ...settings, cluster: made });
    });

  test("produces the contract, field by field", async () => {
    const stack = await party();
    expectTypeOf(stack.result.outputs).toEqualTypeOf<Outputs<PartyOutputs>>();
  });

  test("every child's name begins with its parent's, and key material and the cluster alone are protected", async () => {
    const stack = await party();
    for (const resource of stack.resources) {
      const parent = stack.resources.find(({ urn }) => urn === resource.parent);
      if (parent) expect(resource.name.startsWith(`${parent.name}-`), resource.name).toBe(true);
    }
    expect(
      stack.resources
        .filter(({ protect }) => protect)
        .map(({ name }) => name)
        .sort(),
    ).toEqual([
      "eks-cluster",
      "eks-secrets-key",
      "party-1-private-vault-bucket",
      "party-1-public-vault-bucket",
      "party-1-signing-key",
      "party-1-vault-key",
    ]);
  });

  test("old and new release may both unseal the private vault", async () => {
    const stack = await party();
    const policy = stack.get("party-1-vault-key").inputs.policy;
    for (const { pcr0 } of exampleSettings().manifest.trustedReleases) expect(policy).toContain(pcr0);
  });

  test("a key of another account is used by its ARN, under the same condition, and none is made", async () => {
    const arn = "arn:aws:kms:eu-west-1:200000000001:key/11111111-2222-3333-4444-555555555555";
    const info = vi.spyOn(log, "info").mockResolvedValue();
    const stack = await party(exampleSettings({}, { partyKey: { arn, spec: "asymm" } }));
    expect(stack.ofType("aws:kms/key:Key").map(({ name }) => name)).not.toContain("party-1-vault-key");
    expect(JSON.parse(stack.get("party-1-core-party-key-policy").inputs.policy).Statement[1]).toEqual({
      Sid: "AttestedCoreUnseals",
      Effect: "Allow",
      Action: ["kms:Decrypt"],
      Resource: arn,
      Condition: {
        StringEqualsIgnoreCase: {
          "kms:RecipientAttestation:ImageSha384": exampleSettings().manifest.trustedReleases.map(({ pcr0 }) => pcr0),
        },
      },
    });
    expect(stack.get("party-1-place-config").inputs.data).toMatchObject({
      KMS_CORE__PRIVATE_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID: arn,
      KMS_CORE__PRIVATE_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_SPEC: "asymm",
    });
    expect(stack.get("party-1-kms-release").inputs.values.kmsCore.privateVault.awskms).toMatchObject({
      rootKeyId: arn,
      rootKeySpec: "asymm",
    });
    expect(await settled(stack.result.outputs.partyKeyArn)).toBe(arn);
    expect(info).toHaveBeenCalledExactlyOnceWith(
      expect.stringContaining("role/mpc-kms-party-1-party-1 "),
      stack.result,
    );
    info.mockRestore();
  });

  test("the connector's key says what is missing, and is the one that the connector is told", async () => {
    const warn = vi.spyOn(log, "warn").mockResolvedValue();
    const stack = await party(exampleSettings({}, { txSenderKey: {} }));
    const connector = "arn:aws:iam::100000000001:role/mpc-kms-party-1-party-1-connector";
    expect(JSON.parse(stack.get("party-1-tx-sender-key").inputs.policy).Statement[0].Principal.AWS).toBe(connector);
    expect(stack.get("party-1-place-config").inputs.data.KMS_CONNECTOR__TX_SENDER_AWS_KMS_KEY_ID).toBe(
      "party-1-tx-sender-key-id",
    );
    expect(await settled(pulumiOutput(stack.result.outputs.txSenderKeyArn))).toContain("party-1-tx-sender-key-id");
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("import-key-material"), expect.anything());
    warn.mockRestore();
  });

  test("a connector's key of another account is its role's to use, and none is made", async () => {
    const arn = "arn:aws:kms:eu-west-1:200000000001:key/1";
    const stack = await party(exampleSettings({}, { txSenderKey: { arn } }));
    expect(stack.ofType("aws:kms/externalKey:ExternalKey")).toEqual([]);
    expect(JSON.parse(stack.get("party-1-connector-tx-sender-policy").inputs.policy).Statement).toEqual([
      {
        Sid: "Signs",
        Effect: "Allow",
        Action: ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign", "kms:Verify"],
        Resource: arn,
      },
    ]);
  });

  test("a party with a backup account may write there, decrypt in its enclave, and delete nothing", async () => {
    const stack = await party(exampleSettings({}, { backup: { accountId: "200000000001" } }));
    const text = stack.get("party-1-core-backup-policy").inputs.policy;
    expect(text).not.toMatch(/Delete|GenerateDataKey/);
    const bucket = "arn:aws:s3:::mpc-backup-devnet-p1-200000000001";
    expect(JSON.parse(text).Statement).toMatchObject([
      { Resource: `${bucket}/*`, Condition: { StringEquals: { "aws:ResourceAccount": "200000000001" } } },
      { Resource: bucket, Condition: { StringEquals: { "aws:ResourceAccount": "200000000001" } } },
      { Sid: "CoreReads", Resource: "arn:aws:kms:eu-west-1:200000000001:key/*" },
      { Sid: "AttestedCoreUnseals", Action: ["kms:Decrypt"], Condition: { StringEqualsIgnoreCase: expect.anything() } },
    ]);
    expect(stack.get("party-1-place-config").inputs.data).toMatchObject({
      KMS_CORE__BACKUP_VAULT__STORAGE__S3__BUCKET: "mpc-backup-devnet-p1-200000000001",
      KMS_CORE__BACKUP_VAULT__STORAGE__S3__PREFIX: "backup",
      KMS_CORE__BACKUP_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID:
        "arn:aws:kms:eu-west-1:200000000001:alias/quorate-devnet-party-1-backup",
      KMS_CORE__BACKUP_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_SPEC: "asymm",
    });
  });

  test("ways in and the pauser's wallet are there for whoever wishes them, and for nobody else", async () => {
    expect((await party()).resources.filter(({ type }) => /AudienceRole|AccessEntry|Pauser/.test(type))).toEqual([]);
    const warn = vi.spyOn(log, "warn").mockResolvedValue();
    const person = "arn:aws:iam::300000000001:role/person";
    const oidcProviderArn = "arn:aws:iam::100000000001:oidc-provider/token.actions.githubusercontent.com";
    const stack = await party(
      exampleSettings(
        {},
        {
          access: {
            operators: [person],
            sre: [person],
            breakGlass: [person],
            ci: { oidcProviderArn, repository: "acme/kms", environment: "preview" },
          },
          pauser: {},
        },
      ),
    );
    expect(stack.get("party-1-operator-1-policy").inputs).toMatchObject({
      policyArn: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
      accessScope: { type: "cluster" },
    });
    for (const audience of ["sre", "break-glass", "ci"]) {
      expect(stack.get(`party-1-${audience}-role`).inputs.name).toBe(`mpc-kms-party-1-party-1-${audience}`);
      expect(stack.get(`party-1-${audience}-entry`).inputs.kubernetesGroups).toEqual([`quorate:${audience}`]);
      expect(stack.get(`party-1-access-${audience}-role`).inputs.metadata.namespace).toBe("kms-decentralized");
    }
    expect(stack.get("party-1-break-glass-role").inputs.assumeRolePolicy).toContain("MultiFactorAuthPresent");
    expect(stack.get("party-1-pauser-account").inputs.metadata.namespace).toBe("zama-protocol");
    warn.mockRestore();
  });

  test("without logs and trail there is no bucket for them, and the outputs say so", async () => {
    const stack = await party(exampleSettings({}, { audit: { accessLog: false, trail: false } }));
    expect(stack.ofType("aws:s3/bucket:Bucket")).toHaveLength(2);
    expect(await settled(stack.result.outputs.absent)).toMatchObject({
      auditLogBucket: expect.stringContaining("quorate:audit"),
    });
    const watched = await party(exampleSettings({}, { audit: { accessLog: false } }));
    expect(watched.ofType("aws:s3/bucketLogging:BucketLogging")).toEqual([]);
    expect(watched.get("party-1-audit-trail").inputs.name).toBe("quorate-devnet-party-1");
    expect(watched.get("party-1-logs-policy").inputs.policy).toContain(
      "arn:aws:cloudtrail:eu-west-1:100000000001:trail/quorate-devnet-party-1",
    );
  });

  test("the connector may take its role and has no bucket", async () => {
    const stack = await party();
    expect(stack.ofType("aws:iam/rolePolicy:RolePolicy").map(({ name }) => name)).toEqual([
      "party-1-core-vault-policy",
    ]);
  });

  test("with the core withheld everything else stands, and the outputs say why there is no release", async () => {
    const stack = await party(exampleSettings({}, { core: "withheld" }));
    expect(stack.ofType("kubernetes:helm.sh/v3:Release")).toEqual([]);
    expect(stack.ofType("kubernetes:apps/v1:Deployment")).toHaveLength(1);
    const { outputs } = stack.result;
    expect(await settled(outputs.release)).toBeNull();
    expect(await settled(outputs.absent)).toMatchObject({ release: expect.stringContaining("quorate:core") });
    expect(await settled(outputs.workload)).toMatchObject({ statefulSet: "kms-core", pod: "kms-core-1" });
  });

  test("with the core held back its release is there, and the outputs say that no core is, and for whom", async () => {
    const coreStart = { heldFor: [3, 4], peerCertificates: undefined };
    const stack = await party({ ...exampleSettings(), coreStart });
    expect(stack.ofType("kubernetes:helm.sh/v3:Release").map(({ inputs }) => inputs.values.kmsCore.enabled)).toEqual([
      false,
    ]);
    const { outputs } = stack.result;
    expect(await settled(outputs.release)).toBeNull();
    expect(await settled(outputs.absent)).toMatchObject({ release: expect.stringContaining("held back") });
    expect(await settled(outputs.coreHeldFor ?? pulumiOutput([]))).toEqual([3, 4]);
  });

  test("a peer that has published no service yet is left out, and said aloud", async () => {
    const parties = rawManifest().parties;
    delete parties[2].endpointServiceName;
    const warn = vi.spyOn(log, "warn").mockResolvedValue();
    const stack = await party(exampleSettings({ parties }));
    expect(stack.ofType("aws:ec2/vpcEndpoint:VpcEndpoint").map(({ name }) => name)).toEqual([
      "party-1-peers-party-2",
      "party-1-peers-party-4",
    ]);
    expect(stack.resources.some(({ name }) => name === "party-1-hosts-party-3")).toBe(false);
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("no way yet to party 3"), stack.result);
    warn.mockRestore();
  });

  test("offers itself to the other parties' accounts where its stack says so, on the port for peers alone", async () => {
    const settings = exampleSettings({}, { endpointService: "created" });
    delete settings.party.endpointServiceName;
    const stack = await party(settings);
    const others = ["100000000002", "100000000003", "100000000004"];
    expect(stack.get("party-1-endpoint-service").inputs).toMatchObject({
      allowedPrincipals: others.map((account) => `arn:aws:iam::${account}:root`),
      supportedRegions: ["eu-west-1"],
    });
    const { metadata, spec } = stack.get("party-1-balancer-service").inputs;
    expect(metadata).toMatchObject({ name: "mpc-node-1-peers", namespace: "kms-decentralized" });
    expect(spec.ports.map(({ port }: { port: number }) => port)).toEqual([50_001]);
    const { outputs } = stack.result;
    expect(await settled(outputs.endpointServiceName)).toMatch(/vpce-svc-party-1-endpoint-service$/);
    expect(await settled(outputs.absent)).not.toHaveProperty("endpointServiceName");
  });

  test("says aloud that the manifest names another endpoint service than its own", async () => {
    const warn = vi.spyOn(log, "warn").mockResolvedValue();
    const stack = await party(exampleSettings({}, { endpointService: "created" }));
    await settled(stack.result.outputs.endpointServiceName);
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(/^the manifest names com\.amazonaws\.vpce\.eu-west-1\.vpce-svc-0+1, and/),
      stack.result,
    );
    warn.mockRestore();
  });

  test("metrics pass between parties by the manifest's switch only, in both directions", async () => {
    const portsOf = async (manifest: object) => {
      const stack = await party(exampleSettings(manifest, { endpointService: "created" }));
      const rules = stack.ofType("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule");
      const offered = stack.get("party-1-balancer-service").inputs.spec.ports as { port: number }[];
      return [rules.map(({ inputs }) => inputs.fromPort), offered.map(({ port }) => port)];
    };
    const warn = vi.spyOn(log, "warn").mockResolvedValue();
    expect(await portsOf({})).toEqual([[50_001], [50_001]]);
    const open = { privatelink: { metricsToPeers: true } };
    expect(await portsOf(open)).toEqual([
      [50_001, 9_646],
      [50_001, 9_646],
    ]);
    warn.mockRestore();
  });

  test("has a database for its connector where its stack says so, and tells of it in its outputs", async () => {
    const stack = await party(exampleSettings({}, { connectorDatabase: {} }));
    expect(stack.get("party-1-database-instance").inputs.identifier).toBe("zama-devnet-kmsconnector");
    expect(stack.get("party-1-database-host-service").inputs).toMatchObject({
      metadata: { name: "kms-connector-db-external", namespace: "kms-decentralized" },
      spec: { type: "ExternalName", externalName: "zama-devnet-kmsconnector.rds.amazonaws.com" },
    });
    expect(await settled(stack.result.outputs.database)).toEqual({
      endpoint: "zama-devnet-kmsconnector.rds.amazonaws.com:5432",
      name: "kmsconnector",
      username: "zws",
      host: "kms-connector-db-external.kms-decentralized.svc.cluster.local",
      passwordSecretArn: expect.stringMatching(/^arn:aws:secretsmanager:/),
      deletionProtection: true,
      tls: { forced: true, sslmode: "require" },
    });
    expect(await settled(stack.result.outputs.absent)).not.toHaveProperty("database");
  });
});
