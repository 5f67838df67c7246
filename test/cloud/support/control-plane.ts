import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificatePem, createCertificate, issuerExtensions } from "../../../devnet/nodes/certificates.ts";

/** What EKS looks at of a control plane: that it is ready, and whose tokens it issues. */
export async function startControlPlane() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
  const day = 86_400_000;
  const cert = certificatePem(
    createCertificate({
      ...{ subject: "control plane", issuer: "control plane", publicKey, signer: privateKey },
      ...{ notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + day) },
      extensions: issuerExtensions(),
    }),
  );
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const server = createServer({ key, cert }, (request, response) => {
    const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    response.end(request.url === "/readyz" ? "ok" : JSON.stringify({ issuer }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const dir = mkdtempSync(join(tmpdir(), "quorate-control-plane-"));
  const adminKubeconfig = join(dir, "kubeconfig");
  const kubeconfig = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: endpoint, "insecure-skip-tls-verify": true } }],
    users: [{ name: "u", user: { token: "t" } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  writeFileSync(adminKubeconfig, JSON.stringify(kubeconfig), { mode: 0o600 });
  return {
    cluster: { endpoint, caData: Buffer.from(cert).toString("base64"), adminKubeconfig, version: "1.33" },
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
