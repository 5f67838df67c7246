import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { probe } from "../../components/kubernetes/prober.mjs";
import { bootEnclave } from "../../devnet/attestation.ts";
import {
  certificatePem,
  createCaCertificate,
  createCertificate,
  createSigningKey,
  createTlsCertificate,
  issuerExtensions,
} from "../../devnet/nodes/certificates.ts";

// As many simulated parties as are asked for in one process, the prober in another: every link judged as in earnest (chain, name, dates,
// attestation). `links.ts 13 7`: 13 parties, 156 links, measured seven times.
const [parties = 0, runs = 0] = process.argv.slice(2).map(Number);
if (!(parties > 1 && runs > 0)) throw new Error("links.ts <parties> <runs>");
const pcrs = { pcr0: "ab".repeat(48), pcr1: "cd".repeat(48), pcr2: "ef".repeat(48) };
const port = 50_001;
const address = (party: number) => `127.213.0.${party}`;

interface Ready {
  certificates: string[];
  rootSha256: string;
}

if (process.send) await serve();
else await measure();

async function serve(): Promise<void> {
  const { generateKeyPairSync } = await import("node:crypto");
  const rootKey = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
  const now = Date.now();
  const root = createCertificate({
    subject: "bench root",
    issuer: "bench root",
    publicKey: rootKey.publicKey,
    signer: rootKey.privateKey,
    notBefore: new Date(now - 3_600_000),
    notAfter: new Date(now + 86_400_000),
    extensions: issuerExtensions(),
  });
  const keyPem = rootKey.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const certificates: string[] = [];
  for (let party = 1; party <= parties; party++) {
    const mpcIdentity = `mpc-node-${party}`;
    const signingKey = createSigningKey();
    certificates.push(certificatePem(createCaCertificate(signingKey, mpcIdentity)));
    const enclave = bootEnclave({ keyPem, certPem: certificatePem(root) }, pcrs);
    const leaf = createTlsCertificate({
      signingKey,
      mpcIdentity,
      notBefore: new Date(now - 60_000),
      notAfter: new Date(now + 86_400_000),
      attest: (publicKey) => enclave.attest(publicKey),
    });
    const secureContext = createSecureContext({
      cert: certificatePem(leaf.certificate),
      key: leaf.keyPem,
      minVersion: "TLSv1.3",
    });
    const server = createServer((socket) => {
      const tls = new TLSSocket(socket, { isServer: true, secureContext, requestCert: true, rejectUnauthorized: true });
      tls.on("error", () => socket.destroy());
      socket.on("error", () => socket.destroy());
    });
    server.listen(port, address(party));
    await once(server, "listening");
  }
  process.send?.({ certificates, rootSha256: createHash("sha256").update(root).digest("hex") } satisfies Ready);
  process.on("disconnect", () => process.exit(0));
}

async function measure(): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [ready] = (await once(child, "message")) as [Ready];
  const ids = Array.from({ length: parties }, (_, index) => index + 1);
  const requestOf = (partyId: number) => ({
    contract: "probe/v1",
    partyId,
    stage: "link",
    timeoutMs: 5000,
    peers: ids
      .filter((id) => id !== partyId)
      .map((id) => ({
        partyId: id,
        host: address(id),
        port,
        mpcIdentity: `mpc-node-${id}`,
        caCertificatePem: ready.certificates[id - 1],
      })),
    trustedReleases: [pcrs],
    attestationRootSha256: ready.rootSha256,
    core: null,
  });
  const seconds: number[] = [];
  let up = 0;
  for (let run = 0; run <= runs; run++) {
    const started = performance.now();
    const replies = await Promise.all(ids.map((id) => probe(requestOf(id))));
    // The first run warms up both processes.
    if (run > 0) seconds.push((performance.now() - started) / 1000);
    up = replies.flatMap((reply) => reply.links).filter((link: { code: string }) => link.code === "OK").length;
  }
  child.disconnect();
  process.stdout.write(JSON.stringify({ seconds, up, megabytes: process.resourceUsage().maxRSS / 1000 }));
}
