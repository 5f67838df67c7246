import { describe, expect, test } from "vitest";
import { EnclaveDevicePlugin } from "../../components/kubernetes/enclave-device-plugin.ts";
import { PartyNamespace, type PartyNamespaceArgs } from "../../components/kubernetes/party-namespace.ts";
import { PeerServices, type PeerServicesArgs } from "../../components/kubernetes/peer-services.ts";
import { Prober, type ProberArgs } from "../../components/kubernetes/prober.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const nodeKey = "node.kubernetes.io/enclave-enabled";

describe("PartyNamespace", () => {
  const place = (args: Partial<PartyNamespaceArgs> = {}) =>
    onMockStack(
      () =>
        new PartyNamespace("p", {
          namespace: "kms-decentralized",
          partyId: 3,
          partyLabel: "party-3",
          roles: { core: "arn:core", connector: "arn:connector" },
          publicVault: { url: "https://pub", bucketName: "pub", prefix: "PUB-p3" },
          privateVault: { bucketName: "prv", prefix: "PRV-p3", keyId: "key", keySpec: "symm" },
          ...args,
        }),
    );

  test("the ConfigMap has every key that the chart reads, as text", async () => {
    const stack = await place();
    expect(await settled(stack.result.configMapName)).toBe("mpc-party");
    expect(stack.get("p-config").inputs.data).toMatchInlineSnapshot(`
      {
        "CORE_CLIENT__S3_ENDPOINT": "https://pub",
        "KMS_CONNECTOR__TX_SENDER_AWS_KMS_KEY_ID": "",
        "KMS_CORE__BACKUP_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID": "",
        "KMS_CORE__BACKUP_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_SPEC": "",
        "KMS_CORE__BACKUP_VAULT__STORAGE__S3__BUCKET": "",
        "KMS_CORE__BACKUP_VAULT__STORAGE__S3__PREFIX": "backup",
        "KMS_CORE__PRIVATE_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_ID": "key",
        "KMS_CORE__PRIVATE_VAULT__KEYCHAIN__AWS_KMS__ROOT_KEY_SPEC": "symm",
        "KMS_CORE__PRIVATE_VAULT__STORAGE__S3__BUCKET": "prv",
        "KMS_CORE__PRIVATE_VAULT__STORAGE__S3__PREFIX": "PRV-p3",
        "KMS_CORE__PUBLIC_VAULT__STORAGE__S3__BUCKET": "pub",
        "KMS_CORE__PUBLIC_VAULT__STORAGE__S3__PREFIX": "PUB-p3",
        "KMS_CORE__THRESHOLD__MY_ID": "3",
      }
    `);
  });

  test("each service account names its role, and everything lies in the namespace", async () => {
    const stack = await place();
    const account = (kind: string) => stack.get(`p-${kind}-account`).inputs.metadata;
    expect(account("core")).toMatchObject({
      name: "mpc-party",
      annotations: { "eks.amazonaws.com/role-arn": "arn:core" },
    });
    expect(account("connector")).toMatchObject({
      name: "mpc-party-connector",
      namespace: "kms-decentralized",
      annotations: { "eks.amazonaws.com/role-arn": "arn:connector" },
    });
    for (const resource of stack.resources.filter(({ name }) => name !== "p"))
      expect([resource.name, resource.parent]).toEqual([resource.name, stack.get("p").urn]);
  });

  test("a namespace of the cluster's own and a prefix with a slash are refused", async () => {
    const wrong = place({
      namespace: "kube-system",
      publicVault: { url: "https://pub", bucketName: "pub", prefix: "PUB-p3/" },
    });
    await expect(wrong).rejects.toMatchObject({
      errors: [{ propertyPath: "namespace" }, { propertyPath: "publicVault.prefix" }],
    });
  });
});

describe("PeerServices", () => {
  const services = (args: Partial<PeerServicesArgs> = {}) =>
    onMockStack(
      () =>
        new PeerServices("s", {
          namespace: "kms-decentralized",
          ports: { peer: 50_001, metrics: 9_646 },
          own: { partyId: 1, host: "mpc-node-1", selector: { app: "kms-core" } },
          peers: [{ partyId: 2, host: "mpc-node-2", externalName: "vpce-2.example" }],
          ...args,
        }),
    );

  test("a peer's host leads to its endpoint, the own host to the own core", async () => {
    const stack = await services();
    expect(stack.get("s-party-2").inputs).toMatchObject({
      metadata: { name: "mpc-node-2" },
      spec: { type: "ExternalName", externalName: "vpce-2.example" },
    });
    expect(stack.get("s-own").inputs).toMatchObject({
      metadata: { name: "mpc-node-1" },
      spec: { type: "ClusterIP", selector: { app: "kms-core" } },
    });
  });

  test("the own Service does not wait for a core that waits for all others", async () => {
    const stack = await services();
    expect(stack.get("s-own").inputs.metadata.annotations).toEqual({ "pulumi.com/skipAwait": "true" });
    for (const name of ["s-own", "s-party-2"]) expect(stack.get(name).parent).toBe(stack.get("s").urn);
  });

  test("two parties with one host, and a Service for no pod, are refused", async () => {
    const wrong = services({
      own: { partyId: 1, host: "mpc-node-1", selector: {} },
      peers: [{ partyId: 2, host: "mpc-node-1", externalName: "vpce-2.example" }],
    });
    await expect(wrong).rejects.toMatchObject({
      errors: [{ propertyPath: "peers" }, { propertyPath: "own.selector" }],
    });
  });
});

describe("EnclaveDevicePlugin", () => {
  const taints = [{ key: nodeKey, value: "true", effect: "NoSchedule" }];
  const pinned = `example/plugin:v0.3@sha256:${"a".repeat(64)}`;

  test("the plugin is the one that upstream's modules install, with fewer rights", async () => {
    const stack = await onMockStack(() => new EnclaveDevicePlugin("d", { taints }));
    const { parent, inputs } = stack.get("d-daemonset");
    expect(parent).toBe(stack.get("d").urn);
    expect(inputs.metadata).toEqual({
      name: "aws-nitro-enclaves-k8s-device-plugin",
      namespace: "kube-system",
      labels: { name: "aws-nitro-enclaves" },
    });
    expect(inputs.spec.template.spec).toEqual({
      nodeSelector: { [nodeKey]: "true" },
      tolerations: [{ key: nodeKey, operator: "Equal", value: "true", effect: "NoSchedule" }],
      priorityClassName: "system-node-critical",
      terminationGracePeriodSeconds: 30,
      automountServiceAccountToken: false,
      securityContext: { seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "aws-nitro-enclaves-k8s-device-plugin",
          image: "public.ecr.aws/aws-nitro-enclaves/aws-nitro-enclaves-k8s-device-plugin:v0.3",
          env: [{ name: "ENCLAVE_CPU_ADVERTISEMENT", value: "TRUE" }],
          resources: { limits: { cpu: "100m", memory: "30Mi" }, requests: { cpu: "10m", memory: "15Mi" } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          volumeMounts: [
            { name: "device-plugin", mountPath: "/var/lib/kubelet/device-plugins", readOnly: false },
            { name: "dev-dir", mountPath: "/dev", readOnly: true },
            { name: "sys-dir", mountPath: "/sys", readOnly: true },
          ],
        },
      ],
      volumes: [
        { name: "device-plugin", hostPath: { path: "/var/lib/kubelet/device-plugins" } },
        { name: "dev-dir", hostPath: { path: "/dev" } },
        { name: "sys-dir", hostPath: { path: "/sys" } },
      ],
    });
  });

  test("its tolerations follow the nodes' taints, and its image the digest that somebody looked up", async () => {
    const more = [...taints, { key: "party", value: "3", effect: "NoExecute" }];
    const stack = await onMockStack(() => new EnclaveDevicePlugin("d", { taints: more, image: pinned }));
    const { spec } = stack.get("d-daemonset").inputs.spec.template;
    expect(spec.tolerations).toEqual(more.map((taint) => ({ ...taint, operator: "Equal" })));
    expect(spec.containers[0].image).toBe(pinned);
  });

  test("an image that can change is refused", async () => {
    const build = onMockStack(() => new EnclaveDevicePlugin("d", { taints, image: "example/plugin:latest" }));
    await expect(build).rejects.toMatchObject({ errors: [{ propertyPath: "image" }] });
  });
});

describe("Prober", () => {
  const prober = (args: Partial<ProberArgs> = {}) =>
    onMockStack(() => new Prober("b", { namespace: "kms", nodeKey, source: "// one", ...args }));

  test("the prober is named quorate-prober and holds its one file", async () => {
    const stack = await prober();
    expect(await settled(stack.result.deploymentName)).toBe("quorate-prober");
    expect(stack.get("b-script").inputs).toMatchObject({
      metadata: { name: "quorate-prober" },
      data: { "prober.mjs": "// one" },
    });
  });

  test("it runs on the enclave node, without a token, without privileges, from a pinned image", async () => {
    const stack = await prober();
    const { spec } = stack.get("b-deployment").inputs.spec.template;
    expect(spec).toMatchObject({ automountServiceAccountToken: false, nodeSelector: { [nodeKey]: "true" } });
    // The level `restricted` asks for this too.
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    expect(spec.containers[0]).toMatchObject({
      name: "prober",
      workingDir: "/opt/quorate",
      image: expect.stringMatching(/@sha256:[0-9a-f]{64}$/),
      env: [{ name: "QUORATE_POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
    });
    for (const name of ["b-script", "b-deployment"]) expect(stack.get(name).parent).toBe(stack.get("b").urn);
  });

  test("another script makes another pod", async () => {
    const annotations = async (source: string) =>
      (await prober({ source })).get("b-deployment").inputs.spec.template.metadata.annotations;
    expect(await annotations("// one")).not.toEqual(await annotations("// two"));
  });

  test("an empty script, or an image that is not pinned by digest, is refused", async () => {
    await expect(prober({ source: "", image: "node:24" })).rejects.toMatchObject({
      errors: [{ propertyPath: "image" }, { propertyPath: "source" }],
    });
  });
});
