import { ComponentResource, log, output } from "@pulumi/pulumi";
import { describe, expect, test, vi } from "vitest";
import { LogGroup } from "../../components/aws/log-group.ts";
import { LogShipper } from "../../components/kubernetes/log-shipper.ts";
import { logPipeline, shippedContainers } from "../../components/zama-kms/log-pipeline.ts";
import { secretPatterns } from "../../components/zama-kms/log-secrets.ts";
import type { PartyArgs } from "../../components/zama-kms/party-args.ts";
import { createLogShipping } from "../../components/zama-kms/party-logs.ts";
import { LogShipping } from "../../contract/log-shipping.ts";
import { onMockStack } from "../support/mocks.ts";
import { hex } from "../support/network.ts";
import { exampleSettings } from "./example.ts";

const image = `public.ecr.aws/aws-observability/aws-for-fluent-bit:2.32.5@sha256:${hex(64, "f")}`;
const cloudwatch = { shipping: "cloudwatch", image };
const sink = { shipping: "sink", image, host: "logs.example.com", path: "/in", secret: "log-sink" };
const group = "arn:aws:logs:eu-west-1:100000000001:log-group:/quorate/devnet/party-1";

const party = (logs: object | undefined) =>
  onMockStack(() => {
    const cluster = { oidcProviderArn: "arn:aws:iam::1:oidc-provider/x", oidcIssuer: "x" };
    const args = { ...exampleSettings({}, { logs }), cluster } as unknown as PartyArgs;
    createLogShipping(new ComponentResource("test:Party", "p"), "p", args, output("kms-decentralized"));
  });

describe("logs of a party", () => {
  test("go to one encrypted log group, by a role that may write to it and to nothing else", async () => {
    const stack = await party(cloudwatch);
    expect(stack.get("p-log-group-group").inputs).toMatchObject({
      name: "/quorate/devnet/party-1",
      retentionInDays: 400,
      kmsKeyId: expect.stringContaining(":key/"),
    });
    const [statement] = JSON.parse(stack.get("p-log-shipping-logs-policy").inputs.policy).Statement;
    expect(statement).toEqual({
      Sid: "WriteLogs",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
      Resource: [group, `${group}:log-stream:*`],
    });
    const trust = JSON.parse(stack.get("p-log-shipping-role").inputs.assumeRolePolicy).Statement[0];
    expect(trust.Condition.StringEquals["x:sub"]).toBe("system:serviceaccount:kms-decentralized:quorate-log-shipper");
    const { metadata } = stack.get("p-log-shipper-account").inputs;
    expect(metadata.annotations["eks.amazonaws.com/role-arn"]).toMatch(/-logs$/);
    const key = stack.get("p-log-group-key");
    const [service] = JSON.parse(key.inputs.policy).Statement;
    expect(key.protect).toBe(true);
    expect(service).toMatchObject({
      Principal: { Service: "logs.eu-west-1.amazonaws.com" },
      Condition: { ArnEquals: { "kms:EncryptionContext:aws:logs:arn": group } },
    });
  });

  test("are read off the enclave nodes alone, by an image's digest, and sent to names and AWS only", async () => {
    const stack = await party(cloudwatch);
    const { spec, metadata } = stack.get("p-log-shipper-daemonset").inputs.spec.template;
    expect(metadata.annotations["quorate.dev/config-sha256"]).toMatch(/^[0-9a-f]{64}$/);
    expect(spec.nodeSelector).toEqual({ "node.kubernetes.io/enclave-enabled": "true" });
    expect(spec.containers[0]).toMatchObject({
      image,
      securityContext: { readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
    });
    expect(spec.containers[0].volumeMounts[1]).toEqual({ name: "logs", mountPath: "/var/log", readOnly: true });
    const { ingress, egress } = stack.get("p-log-traffic-policy").inputs.spec;
    expect([ingress, egress.at(-1).ports]).toEqual([[], [{ protocol: "TCP", port: 443 }]]);
  });

  test("go to a sink over TLS, with what opens it from a Secret, and without anything in AWS", async () => {
    const stack = await party(sink);
    expect(stack.resources.filter(({ type }) => type.startsWith("aws:"))).toEqual([]);
    const { data } = stack.get("p-log-shipper-config").inputs;
    for (const line of ["Host logs.example.com", "URI /in", "tls On", "tls.verify On"])
      expect(data["fluent-bit.conf"]).toContain(`    ${line}\n`);
    const [container] = stack.get("p-log-shipper-daemonset").inputs.spec.template.spec.containers;
    expect(container.env).toEqual([
      { name: "SINK_AUTHORIZATION", valueFrom: { secretKeyRef: { name: "log-sink", key: "authorization" } } },
    ]);
  });

  test("stay where they are without a word where that was decided, and aloud where nothing was", async () => {
    const warn = vi.spyOn(log, "warn").mockResolvedValue();
    expect((await party({ shipping: "none" })).resources).toHaveLength(1);
    expect(warn).not.toHaveBeenCalled();
    expect((await party(undefined)).resources).toHaveLength(1);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining("quorate:logs"), expect.anything());
  });

  test("of an image without digest, of days that CloudWatch does not know, and of YAML's off are refused", () => {
    for (const wrong of [
      { ...cloudwatch, image: "fluent-bit:3" },
      { ...cloudwatch, retentionDays: 100 },
      { ...sink, host: "https://logs.example.com" },
      { shipping: false },
    ])
      expect(LogShipping.safeParse(wrong).success).toBe(false);
  });

  test("the components refuse by themselves what would be open", async () => {
    const bare = { groupName: "a b", region: "eu-west-1", accountId: "1", retentionDays: 400, administratorArns: [] };
    await expect(onMockStack(() => new LogGroup("g", bare))).rejects.toMatchObject({
      errors: [{ propertyPath: "groupName" }, { propertyPath: "administratorArns" }],
    });
    const shipper = { namespace: "n", nodeKey: "k", image: "fluent-bit:3", configuration: "" };
    await expect(onMockStack(() => new LogShipper("s", shipper))).rejects.toMatchObject({
      errors: [{ propertyPath: "image" }],
    });
  });
});

describe("what leaves the cluster", () => {
  const settings = { namespace: "kms", streamPrefix: "party-1.", region: "eu-west-1", logGroupName: "/g" };
  const text = logPipeline(LogShipping.parse(cloudwatch) as never, settings);

  test("comes from core, enclave logger and connector, never from the container that prints its environment", () => {
    const paths = /Path (.*)/.exec(text)?.[1]?.split(",") ?? [];
    expect(paths).toEqual(shippedContainers.map((name) => `/var/log/containers/*_kms_${name}-*.log`));
    const reads = (file: string) =>
      paths.some((path) =>
        new RegExp(`^${path.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}$`).test(`/var/log/containers/${file}`),
      );
    const id = hex(64, "e");
    expect(reads(`kms-core-1_kms_kms-core-enclave-logger-${id}.log`)).toBe(true);
    for (const container of ["kms-core-init-load-env", "kms-core-init-gen-keys", "prober"])
      expect(reads(`kms-core-1_kms_${container}-${id}.log`)).toBe(false);
    expect(reads(`kms-core-1_elsewhere_kms-core-enclave-${id}.log`)).toBe(false);
  });

  test("is filtered by every pattern before it is sent", () => {
    for (const pattern of Object.values(secretPatterns)) expect(text).toContain(`    Exclude log ${pattern}\n`);
    expect(text.lastIndexOf("[FILTER]")).toBeLessThan(text.indexOf("[OUTPUT]"));
    // A variable of Fluent Bit's would be put in there.
    expect(Object.values(secretPatterns).join()).not.toContain("${");
  });

  const dropped = (line: string) => Object.values(secretPatterns).some((pattern) => new RegExp(pattern).test(line));

  test.each([
    "-----BEGIN EC PRIVATE KEY-----",
    "MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49",
    "AWS_ACCESS_KEY_ID=ASIAQWERTYUIOPASDFGH",
    "export AWS_SECRET_ACCESS_KEY=abc",
    "PGPASSWORD=x",
    '{"password":"hunter2"}',
    "sessionToken: FwoGZXIvYXdzE",
    "token eyJhbGciOiJSUzI1NiIsImtpZCI6.eyJhdWQiOlsic3RzLmFt.c2ln",
    "connecting to postgresql://zws:hunter2@db:5432/kmsconnector",
    "POST https://eth-mainnet.example.com/v2/abcdefghijklmnopqrstuvwxyz012345",
    `signing key 0x${hex(64, "7")}`,
  ])("has no line like: %s", (line) => {
    expect(dropped(line)).toBe(true);
  });

  test.each([
    "2026-11-20T10:00:00Z INFO kms_server: preprocessing done, session 7, 100 batches",
    "rate limiter: token bucket has 50000 left",
    `GET https://b.s3.eu-west-1.amazonaws.com/PUB-p1/CACert/${hex(64, "6")}`,
    "connected to mpc-node-7:50001",
    `request ${hex(64, "9")} answered in 12 ms`,
    "postgresql://db:5432/kmsconnector?sslmode=prefer",
  ])("still has: %s", (line) => {
    expect(dropped(line)).toBe(false);
  });
});
