import { createPrivateKey } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { healthStatus, thresholdRequired } from "../../devnet/nodes/health.ts";
import { readServerConfig } from "../../devnet/nodes/server-config.ts";
import { ethereumAddress } from "../../devnet/nodes/signing-key.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

// The generator of secp256k1 is the public key of the scalar 1; its double is that of 2.
test.each([
  {
    scalar: 1,
    x: "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    y: "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
    address: "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf",
  },
  {
    scalar: 2,
    x: "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    y: "1ae168fea63dc339a3c58419466ceaeef7f632653266d0e1236431a950cfe52a",
    address: "0x2b5ad5c4795c026514f8317c7a215e218dccd6cf",
  },
])("the signing key with the scalar $scalar has the address that every Ethereum wallet gives it", (vector) => {
  const base64url = (hex: string) => Buffer.from(hex.padStart(64, "0"), "hex").toString("base64url");
  const d = base64url(vector.scalar.toString(16));
  const jwk = { kty: "EC", crv: "secp256k1", d, x: base64url(vector.x), y: base64url(vector.y) };
  expect(ethereumAddress(createPrivateKey({ key: jwk, format: "jwk" }))).toBe(vector.address);
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
