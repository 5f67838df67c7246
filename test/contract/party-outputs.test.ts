import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import type { Arn, PartyId } from "../../contract/names.ts";
import { PartyOutputs } from "../../contract/party-outputs.ts";
import { hex, release } from "../support/network.ts";

const arn = (service: string, rest: string) => `arn:aws:${service}:::${rest}`;

function rawOutputs(fields: object = {}): object {
  const bucket = (role: string, prefix: string) => ({
    bucketName: `mpc-vault-${role}-0a1b2c3d`,
    bucketArn: arn("s3", `mpc-vault-${role}-0a1b2c3d`),
    prefix,
  });
  return {
    contract: "party/v1",
    system: "zama-kms",
    network: "devnet",
    partyId: 1,
    partyName: "party-1",
    accountId: "100000000001",
    awsProfile: "devnet-party-1",
    region: "eu-west-1",
    manifestDigest: `sha256:${hex(64)}`,
    transport: "privatelink",
    ports: { grpc: 50_100, peer: 50_001, metrics: 9_646 },
    cluster: { name: "kms-party-1", region: "eu-west-1" },
    namespace: "kms-decentralized",
    serviceAccounts: { core: "mpc-party", connector: "mpc-party-connector" },
    configMapName: "mpc-party",
    release: { name: "kms-core", chartVersion: "1.9.1", version: "0.13.20", imageDigest: `sha256:${hex(64)}` },
    workload: { statefulSet: "kms-core", pod: "kms-core-1", prober: "quorate-prober" },
    services: { headless: "kms-core", core: "kms-core-1" },
    peerHosts: { "2": "mpc-node-2.kms-decentralized.svc.cluster.local" },
    publicVault: { ...bucket("public", "PUB-p1"), url: "https://mpc-vault-public-0a1b2c3d.s3.eu-west-1.amazonaws.com" },
    privateVault: bucket("private", "PRV-p1"),
    caCertificate: { bucketName: "mpc-vault-public-0a1b2c3d", key: "PUB-p1/CACert/60", url: "https://example.com/60" },
    partyKeyArn: "arn:aws:kms:eu-west-1:100000000001:key/1",
    roles: { core: "arn:aws:iam::100000000001:role/core", connector: "arn:aws:iam::100000000001:role/connector" },
    trustedReleases: [release("0.13.20", "2")],
    endpointServiceName: null,
    elasticIp: null,
    kubeip: null,
    securityGroupIds: ["sg-1"],
    allocator: { cpuCount: 48, memoryMib: 98_304 },
    database: null,
    absent: { endpointServiceName: "not yet", elasticIp: "none", kubeip: "none", database: "none" },
    ...fields,
  };
}

function complaint(fields: object): string {
  const result = PartyOutputs.safeParse(rawOutputs(fields));
  return result.success ? "accepted" : z.prettifyError(result.error);
}

test("outputs with a reason for each absence are accepted, and typed", () => {
  const outputs = PartyOutputs.parse(rawOutputs());
  expectTypeOf(outputs.partyId).toEqualTypeOf<PartyId>();
  expectTypeOf(outputs.partyKeyArn).toEqualTypeOf<Arn>();
  expectTypeOf(outputs.elasticIp).toEqualTypeOf<string | null>();
  expect(outputs.contract).toBe("party/v1");
});

describe("outputs are refused", () => {
  test("when something is null and no reason is given", () => {
    expect(complaint({ absent: { endpointServiceName: "x", elasticIp: "x", kubeip: "x" } })).toContain(
      "database is null and no reason is given",
    );
  });

  test("when a value has a reason to be absent", () => {
    expect(complaint({ elasticIp: "203.0.113.7" })).toContain("elasticIp has a value and a reason to be absent");
  });

  test("when a reason is empty", () => {
    expect(complaint({ absent: { endpointServiceName: "", elasticIp: "x", kubeip: "x", database: "x" } })).toContain(
      "→ at absent.endpointServiceName",
    );
  });

  test("when something else comes along, such as a kubeconfig", () => {
    expect(complaint({ kubeconfig: "apiVersion: v1" })).toContain('Unrecognized key: "kubeconfig"');
  });

  test("of a later contract", () => {
    expect(complaint({ contract: "party/v2" })).toContain("→ at contract");
  });

  test("with a PCR that is not SHA-384", () => {
    expect(complaint({ trustedReleases: [{ ...release("0.13.20", "2"), pcr2: hex(64) }] })).toContain("found 64");
  });
});
