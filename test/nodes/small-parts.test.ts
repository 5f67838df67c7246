import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { healthStatus, thresholdRequired } from "../../devnet/nodes/health.ts";
import { keccak256 } from "../../devnet/nodes/keccak.ts";
import { readServerConfig } from "../../devnet/nodes/server-config.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

test.each([
  ["", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"],
  ["abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"],
])("Keccak-256 of %o is Ethereum's", (text, digest) => {
  expect(keccak256(Buffer.from(text)).toString("hex")).toBe(digest);
});

test("Keccak-256 of more than one block: 136 bytes fill one exactly, and the padding takes the next", () => {
  const one = keccak256(Buffer.alloc(136, "a")).toString("hex");
  const two = keccak256(Buffer.alloc(137, "a")).toString("hex");
  expect(one).not.toBe(two);
  expect(one).toMatch(/^[0-9a-f]{64}$/);
});

describe("KMS Core's rule for a context's health", () => {
  const statuses = (nodes: number) =>
    Array.from({ length: nodes }, (_, index) => healthStatus(nodes, index + 1).replace("HEALTH_STATUS_", "")[0]).join(
      "",
    );
  test("4 nodes: optimal with 4, healthy with 3, never degraded", () => {
    expect(statuses(4)).toBe("UUHO");
  });
  test("13 nodes: optimal with 13, healthy from 9, degraded from 6", () => {
    expect(statuses(13)).toBe("UUUUUDDDHHHHO");
    expect(thresholdRequired(13)).toBe(5);
  });
});

describe("kms-server.toml", () => {
  const toml = (peers: number) => `[service]
listen_port = 50100
[threshold]
listen_port = 50001
my_id = "\${KMS_CORE__THRESHOLD__MY_ID}"
threshold = 1
[threshold.tls.auto]
[[threshold.tls.auto.trusted_releases]]
pcr0 = "${"A1".repeat(48)}"
pcr1 = "${"b1".repeat(48)}"
pcr2 = "${"c1".repeat(48)}"
${Array.from(
  { length: peers },
  (_, index) => `[[threshold.peers]]
party_id = ${index + 1}
address = "mpc-node-${index + 1}"
port = 50001
tls_cert.pem = \${KMS_CA_PEM_${index + 1}}
`,
).join("")}`;
  const read = (text: string, places = {}) => {
    const folder = mkdtempSync(join(tmpdir(), "quorate-toml-"));
    folders.push(folder);
    writeFileSync(join(folder, "kms-server.toml"), text);
    return readServerConfig(folder, { KMS_CORE__THRESHOLD__MY_ID: "2", ...places });
  };

  test("is read after its places are filled; certificates that are not there are null", () => {
    const config = read(toml(4), { KMS_CA_PEM_3: "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n" });
    expect(config).toMatchObject({ myId: 2, threshold: 1, ports: { grpc: 50_100, peer: 50_001, metrics: 9464 } });
    expect(config.trustedReleases[0]?.pcr0).toBe("a1".repeat(48));
    expect(config.peers[0]).toMatchObject({ mpcIdentity: "mpc-node-1", caCertificatePem: null });
    expect(config.peers[2]?.caCertificatePem).toContain("abc");
  });

  test("with a number of peers that the threshold does not fit is refused, as by the real core", () => {
    expect(() => read(toml(5))).toThrow(/lists 5 peers; threshold 1 needs 3t \+ 1/);
  });
});
