import { createHash, type KeyObject, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { certificateSha256 } from "../attestation.ts";
import { certificatePem, createTlsCertificate } from "./certificates.ts";
import { NodeConfig } from "./config.ts";
import { serveGrpc } from "./grpc-server.ts";
import { createHealthCheck } from "./health.ts";
import { serveHttp } from "./http-server.ts";
import { createPeerLinks, type PeerLinks } from "./peer-links.ts";
import { readServerConfig, type ServerConfig } from "./server-config.ts";
import { enclaveOf, publishIdentity, RefusesToStart, settleSigningKey } from "./signing-key.ts";
import { openVaults, type Vaults } from "./vault.ts";

// One core of the devnet: real sockets, real certificates, no cryptography of the protocol itself.

const hourMs = 3_600_000;
/** Life of a core's TLS certificate; KMS Core renews it some seconds after it ran out. */
const leafHours = 24;
const renewAfterExpiryMs = 5000;
const retryMs = 500;

/** `onlyKeys` is what the chart's gen-cert-and-keys Job does: the key is sealed, the CA certificate published, and that is all. */
async function main(configPath: string, onlyKeys: boolean): Promise<void> {
  const readConfig = () => NodeConfig.parse(JSON.parse(readFileSync(configPath, "utf8")));
  const config = readConfig();
  if (config.exitWithParent) endWithParent();
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  const root = {
    keyPem: readFileSync(config.attestation.rootKeyPem, "utf8"),
    certPem: readFileSync(config.attestation.rootCertPem, "utf8"),
  };
  const vaults = await openVaults(config);
  const own = ownEntry(readServerConfig(config.configDir, places(config, new Map())));
  const key = await untilAnswered(() => settleSigningKey(config, vaults, enclaveOf(config, root)));
  await untilAnswered(() => publishIdentity(config, vaults, key, own.mpcIdentity));
  if (onlyKeys) process.exit(0);
  const server = await waitForCaCertificates(config, vaults);

  let identity = issueIdentity(config, root, key, own.mpcIdentity);
  const links = createPeerLinks({
    myId: server.myId,
    listenHost: config.listenHost,
    port: server.ports.peer,
    resolver: config.resolver,
    searchDomain: config.searchDomain,
    peers: server.peers.filter((peer) => peer.partyId !== server.myId),
    trust: { trustedReleases: server.trustedReleases, attestationRootSha256: certificateSha256(root.certPem) },
    identity: () => identity,
  });
  let renewal: NodeJS.Timeout | undefined;
  const renew = (current: NodeConfig) => {
    identity = issueIdentity(current, root, key, own.mpcIdentity);
    links.renew();
    clearTimeout(renewal);
    renewal = setTimeout(() => renew(current), leafHours * hourMs + renewAfterExpiryMs).unref();
  };
  renew(config);
  process.on("SIGHUP", () => {
    try {
      renew(readConfig());
      console.error("certificate renewed after the configuration was read again");
    } catch (error) {
      console.error(`the configuration cannot be read again, the old one stays: ${(error as Error).message}`);
    }
  });
  const bootId = await serve(config, server, links);
  process.stdout.write(`${JSON.stringify({ ready: true, bootId })}\n`);
}

async function serve(config: NodeConfig, server: ServerConfig, links: PeerLinks): Promise<string> {
  const bootId = randomBytes(8).toString("hex");
  const health = createHealthCheck(server, links);
  await links.listen();
  const grpc = await serveGrpc(`${config.listenHost}:${server.ports.grpc}`, health);
  const http = await serveHttp({
    host: config.listenHost,
    port: server.ports.metrics,
    version: {
      name: "kms-core",
      partyId: config.partyId,
      bootId,
      pcr0: config.fault.pcrs?.pcr0 ?? config.release.pcr0,
    },
    config: server.toml,
    extraMetrics: () => ({}),
  });
  process.on("SIGTERM", () => {
    links.close();
    grpc.close();
    http.close();
    process.exit(0);
  });
  return bootId;
}

function issueIdentity(config: NodeConfig, root: { keyPem: string; certPem: string }, key: KeyObject, name: string) {
  const lateMs = config.fault.expireCert ? (leafHours + 1) * hourMs : 0;
  const notBefore = new Date(Date.now() - lateMs - 60_000);
  const enclave = enclaveOf(config, root);
  const { certificate, keyPem } = createTlsCertificate({
    signingKey: key,
    mpcIdentity: name,
    notBefore,
    notAfter: new Date(Date.now() - lateMs + leafHours * hourMs),
    attest: (publicKey) => enclave.attest(publicKey, createHash("sha256").update(name).digest()),
  });
  return { certificatePem: certificatePem(certificate), keyPem };
}

/** Values for the places of kms-server.toml: the party's ConfigMap, its id and the CA certificates that are there. */
function places(config: NodeConfig, caCertificates: ReadonlyMap<number, string>): Record<string, string> {
  const pems = [...caCertificates].map(([id, pem]) => [`KMS_CA_PEM_${id}`, pem]);
  return { KMS_CORE__THRESHOLD__MY_ID: String(config.partyId), ...config.env, ...Object.fromEntries(pems) };
}

function ownEntry(server: ServerConfig) {
  const own = server.peers.find((peer) => peer.partyId === server.myId);
  if (!own) throw new RefusesToStart(`kms-server.toml has no peer with my_id ${server.myId}`);
  return own;
}

/** No party starts before all CA certificates are in its own public vault, where its operator has to copy them. */
async function waitForCaCertificates(config: NodeConfig, vaults: Vaults): Promise<ServerConfig> {
  const found = new Map<number, string>();
  let reported = "";
  for (;;) {
    const server = readServerConfig(config.configDir, places(config, found));
    const keys = await untilAnswered(() => vaults.list("public", "PUB-p"));
    for (const { partyId } of server.peers) {
      const own = keys.filter((key) => key.startsWith(`PUB-p${partyId}/CACert/`));
      if (own.length > 1) throw new RefusesToStart(`PUB-p${partyId}/CACert/ holds ${own.length} objects, expected one`);
      const pem = own[0] ? await untilAnswered(() => vaults.read("public", own[0] ?? "")) : null;
      if (pem) found.set(partyId, pem);
    }
    const missing = server.peers.filter(({ partyId }) => !found.has(partyId)).map(({ partyId }) => partyId);
    if (missing.length === 0) return readServerConfig(config.configDir, places(config, found));
    const report = `waiting for the CA certificate of ${missing.map((id) => `party ${id}`).join(", ")}`;
    if (report !== reported) console.error(report);
    reported = report;
    await sleep(retryMs);
  }
}

/** Clouds come and go; what they refuse stays refused. */
async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  let reported = "";
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof RefusesToStart) throw error;
      const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
      if (status === undefined && !isNetworkError(error)) throw error;
      const report = `the vaults do not answer yet: ${String(error)}`;
      if (report !== reported) console.error(report);
      reported = report;
      await sleep(retryMs);
    }
  }
}

function isNetworkError(error: unknown): boolean {
  const { code, name } = error as { code?: string; name?: string };
  return name === "TimeoutError" || (code !== undefined && /^E[A-Z]+$/.test(code));
}

function endWithParent(): void {
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
  process.stdin.on("error", () => process.exit(0));
}

main(process.argv[2] ?? "", process.argv[3] === "gen-cert-and-keys").catch((error) => {
  const refused = error instanceof RefusesToStart;
  console.error(refused ? `the core does not start: ${error.message}` : error);
  process.exit(refused ? 1 : 70);
});
