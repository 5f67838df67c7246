import { createHash, type KeyObject, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { certificateSha256 } from "../attestation.ts";
import { createBandwidthBench } from "./bandwidth-bench.ts";
import { certificatePem, createTlsCertificate } from "./certificates.ts";
import { NodeConfig } from "./config.ts";
import { CoreSpeech, tell } from "./core-log.ts";
import { defaultEpochId } from "./fixed-ids.ts";
import { serveGrpc } from "./grpc-server.ts";
import { createHealthCheck } from "./health.ts";
import { serveHttp } from "./http-server.ts";
import { CoreMetrics } from "./metrics.ts";
import { refuse } from "./operations.ts";
import { createPeerLinks, type PeerLinks } from "./peer-links.ts";
import { readServerConfig, type ServerConfig } from "./server-config.ts";
import {
  type AwsRefusal,
  enclaveOf,
  ethereumAddress,
  publishIdentity,
  RefusesToStart,
  refusalOf,
  settleSigningKey,
} from "./signing-key.ts";
import { openVaults, type Vaults } from "./vault.ts";

// One core of the devnet: real sockets, real certificates, no cryptography of the protocol itself.

const hourMs = 3_600_000;
/** Life of a core's TLS certificate; KMS Core renews it some seconds after it ran out. */
const leafHours = 24;
const renewAfterExpiryMs = 5000;
const retryMs = 500;
/** A core that can not start ends and is started again; what it says then, it says again. */
const saidAgainMs = 60_000;
const askedAgainMs = 60_000;

let config: NodeConfig;
/** The enclave's clock, which a fault puts ahead or behind. */
const now = () => new Date(Date.now() + (config?.fault.skewSeconds ?? 0) * 1000);
const speech = new CoreSpeech(now);

/** `onlyKeys` is what the chart's gen-cert-and-keys Job does: the key is sealed, the CA certificate published, and that is all. */
async function main(configPath: string, onlyKeys: boolean): Promise<void> {
  const readConfig = () => NodeConfig.parse(JSON.parse(readFileSync(configPath, "utf8")));
  config = readConfig();
  if (config.exitWithParent) endWithParent();
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  const root = {
    keyPem: readFileSync(config.attestation.rootKeyPem, "utf8"),
    certPem: readFileSync(config.attestation.rootCertPem, "utf8"),
  };
  const vaults = await openVaults(config);
  const template = readServerConfig(config.configDir, places(config, new Map()));
  const own = ownEntry(template);
  sayEnclaveStarts(template.text);
  const key = await untilAnswered(() => settleSigningKey(config, vaults, enclaveOf(config, root)));
  const subject = await untilAnswered(() => publishIdentity(config, vaults, key, own.mpcIdentity));
  if (onlyKeys) process.exit(0);
  const server = await waitForCaCertificates(config, vaults);
  sayServerStarts(server, key);

  let identity = issueIdentity(config, root, key, subject);
  speech.module(
    attestation,
    "INFO",
    `${attestationFile}:446`,
    `Issued initial TLS certificate valid for ${leafHours * 3600} s`,
  );
  const metrics = new CoreMetrics(config.partyId, server.rateLimiter.bucket_size);
  const links = createPeerLinks({
    myId: server.myId,
    listenHost: config.listenHost,
    port: server.ports.peer,
    resolver: config.resolver,
    searchDomain: config.searchDomain,
    peers: server.peers.filter((peer) => peer.partyId !== server.myId),
    trust: { trustedReleases: server.trustedReleases, attestationRootSha256: certificateSha256(root.certPem) },
    identity: () => identity,
    now,
    speech,
    metrics,
  });
  let renewal: NodeJS.Timeout | undefined;
  const renew = () => {
    identity = issueIdentity(config, root, key, subject);
    links.renew();
    clearTimeout(renewal);
    if (config.fault.expireCert) {
      // Once a minute, as long as it fails: upstream wants an alert after the third time.
      const say = () => {
        speech.module(
          attestation,
          "ERROR",
          `${attestationFile}:506`,
          "Could not renew ephemeral TLS certificate: Nitro enclave attestation request failed",
        );
        renewal = setTimeout(say, server.renewRetrySeconds * 1000).unref();
      };
      say();
      return;
    }
    speech.module(
      attestation,
      "INFO",
      `${attestationFile}:490`,
      `Issued renewed TLS certificate valid for ${leafHours * 3600} s`,
    );
    renewal = setTimeout(renew, leafHours * hourMs + renewAfterExpiryMs).unref();
  };
  let wasWithoutPrss = false;
  let turnedAway: NodeJS.Timeout | undefined;
  const applyFaults = () => {
    metrics.exhaust(config.fault.rateLimited === true);
    clearInterval(turnedAway);
    if (config.fault.rateLimited) {
      // Who has used the tokens up goes on asking.
      const ask = () =>
        refuse("PublicDecrypt", server.rateLimiter, { rateLimited: true, noPrss: false }, metrics, speech);
      ask();
      turnedAway = setInterval(ask, askedAgainMs).unref();
    }
    if (config.fault.noPrss) sayNoPrss();
    else if (wasWithoutPrss) sayPrss(own.mpcIdentity);
    wasWithoutPrss = config.fault.noPrss === true;
    renew();
  };
  applyFaults();
  process.on("SIGHUP", () => {
    try {
      config = readConfig();
      applyFaults();
    } catch (error) {
      console.error(`the configuration cannot be read again, the old one stays: ${(error as Error).message}`);
    }
    tell({ reread: true });
  });
  tell({ ready: true, bootId: await serve(server, links, metrics) });
}

async function serve(server: ServerConfig, links: PeerLinks, metrics: CoreMetrics): Promise<string> {
  const bootId = randomBytes(8).toString("hex");
  const bucket = config.env.KMS_CORE__PRIVATE_VAULT__STORAGE__S3__BUCKET;
  const storageInfo = `Threshold KMS - ${bucket ? `S3 storage with bucket ${bucket}` : "File storage"}`;
  const faults = () => ({ rateLimited: config.fault.rateLimited === true, noPrss: config.fault.noPrss === true });
  await links.listen();
  const answers = {
    healthStatus: createHealthCheck(server, links, storageInfo),
    keyMaterial: () => ({ storage_info: storageInfo }),
    bandwidth: createBandwidthBench(links),
    refuse: (method: Parameters<typeof refuse>[0]) => refuse(method, server.rateLimiter, faults(), metrics, speech),
  };
  const grpc = await serveGrpc(`${config.listenHost}:${server.ports.grpc}`, answers, metrics);
  const http = await serveHttp({
    host: config.listenHost,
    port: server.ports.metrics,
    version: config.version,
    config: server.toml,
    metrics: () => metrics.render(now()),
    now,
  });
  speech.module(
    "observability::telemetry",
    "INFO",
    "observability/src/telemetry.rs:166",
    `Metrics server listening on 0.0.0.0:${server.ports.metrics}`,
  );
  speech.server("INFO", `${serverFile}:687`, `Starting threshold KMS server v${config.version}...`);
  process.on("SIGTERM", () => {
    links.close();
    grpc.close();
    http.close();
    process.exit(0);
  });
  return bootId;
}

/* What the log of a real core begins with. */

const attestation = "kms_lib::cryptography::attestation";
const attestationFile = "core/service/src/cryptography/attestation/mod.rs";
const serverFile = "core/service/src/bin/kms-server.rs";

function sayEnclaveStarts(configuration: string): void {
  speech.script("requesting KMS config");
  speech.script(`received KMS config with sha256 ${createHash("sha256").update(configuration).digest("hex")}`);
  speech.script("starting enclave-side network tunnel");
  speech.script("attempting signing key generation");
}

function sayServerStarts(server: ServerConfig, key: KeyObject): void {
  const place = (line: number) => `${serverFile}:${line}`;
  const { tokio, rayon } = server.threads;
  speech.script("attempting to start kms-server");
  speech.server(
    "INFO",
    place(369),
    `Multi-threading values: tokio::num_workers: ${tokio}, rayon_num_threads: ${rayon}, total_num_cpus: 48`,
  );
  speech.server("INFO", place(641), `Public ethereum address is ${ethereumAddress(key)}`);
  speech.server(
    "INFO",
    place(110),
    `Starting threshold KMS server v${config.version}, with id Some(${server.myId}), listening for MPC communication on 0.0.0.0:${server.ports.peer}...`,
  );
  speech.server(
    "INFO",
    place(117),
    `Parameters: using threshold t=${server.threshold}, knowing n=${server.peers.length} parties in total (myself included)`,
  );
  speech.server("INFO", place(234), "Using TLS certificate with Nitro remote attestation signed by onboard CA");
  if (server.trustedReleases.length === 0)
    speech.module(
      "threshold_networking::tls",
      "WARN",
      "core/threshold-networking/src/tls.rs:429",
      "Skipping attestation document validation because do_validation=true, release_pcrs.is_empty=true",
    );
}

function sayNoPrss(): void {
  const [target, file] = ["kms_lib::engine::threshold", "core/service/src/engine/threshold/service/kms_impl.rs"];
  speech.module(target, "WARN", `${file}:586`, "No PRSS setup exists");
  speech.module(
    target,
    "INFO",
    `${file}:759`,
    "Initializing threshold KMS server without PRSS Setup, remember to call the init GRPC endpoint",
  );
}

function sayPrss(identity: string): void {
  speech.module(
    "kms_lib::engine::threshold::service::epoch_manager",
    "INFO",
    "core/service/src/engine/threshold/service/epoch_manager.rs:411",
    `PRSS on epoch ID ${defaultEpochId} completed successfully for identity ${identity}.`,
  );
}

/** What both programs of the enclave say where they get no configuration that they can read, or no answer that they need. */
function sayNothingStarts(...errors: string[]): void {
  for (const error of errors) speech.raw(`Error: ${error}`);
  speech.script("attempting to start kms-server");
  for (const error of errors) speech.raw(`Error: ${error}`);
  speech.script("neither kms-gen-keys nor kms-server completed successfully");
}

/** S3's no, as upstream prints what its SDK returns. */
function s3Refusal({ code, message, requestId }: AwsRefusal): string {
  return [
    "service error",
    "",
    "Caused by:",
    `    0: unhandled error (${code})`,
    `    1: Error { code: "${code}", message: "${message}", aws_request_id: "${requestId}" }`,
  ].join("\n");
}

/** AWS KMS's no to the data key: the core has no signing key then, and does not start with TLS. */
function sayKeyStaysSealed({ code, message, requestId }: AwsRefusal): void {
  const why = `Could not decrypt data key: service error: unhandled error (${code}): Error { code: "${code}", message: "${message}", aws_request_id: "${requestId}" }`;
  speech.module(
    "kms_gen_keys",
    "WARN",
    "core/service/src/bin/kms-gen-keys.rs:476",
    "Signing keys already exist, skipping generation",
  );
  speech.script("attempting to start kms-server");
  speech.server("WARN", `${serverFile}:605`, `Error loading signing key: ${why}`);
  speech.raw(`Error: ${why}`);
}

function issueIdentity(current: NodeConfig, root: { keyPem: string; certPem: string }, key: KeyObject, name: string) {
  const lateMs = current.fault.expireCert ? (leafHours + 1) * hourMs : 0;
  const enclave = enclaveOf(current, root);
  const { certificate, keyPem } = createTlsCertificate({
    signingKey: key,
    mpcIdentity: name,
    notBefore: new Date(now().getTime() - lateMs - 60_000),
    notAfter: new Date(now().getTime() - lateMs + leafHours * hourMs),
    attest: (publicKey) => enclave.attest(publicKey, createHash("sha256").update(name).digest()),
  });
  return { certificatePem: certificatePem(certificate), keyPem };
}

/** Values for the places of kms-server.toml: the party's ConfigMap, its id and the CA certificates that are there. */
function places(current: NodeConfig, caCertificates: ReadonlyMap<number, string>): Record<string, string> {
  const pems = [...caCertificates].map(([id, pem]) => [`KMS_CA_PEM_${id}`, pem]);
  return { KMS_CORE__THRESHOLD__MY_ID: String(current.partyId), ...current.env, ...Object.fromEntries(pems) };
}

function ownEntry(server: ServerConfig) {
  const own = server.peers.find((peer) => peer.partyId === server.myId);
  if (!own) throw new RefusesToStart(`kms-server.toml has no peer with my_id ${server.myId}`);
  return own;
}

/**
 * No party starts before all CA certificates are in its own public vault, where its operator has to copy them. A real core ends
 * without them, and its pod has to be deleted once they are there; this one waits, says the same, and begins anew.
 */
async function waitForCaCertificates(current: NodeConfig, vaults: Vaults): Promise<ServerConfig> {
  const found = new Map<number, string>();
  let reported = "";
  for (;;) {
    const server = readServerConfig(current.configDir, places(current, found));
    const keys = await untilAnswered(() => vaults.list("public", "PUB-p"));
    const objects = new Map<number, string>();
    for (const { partyId } of server.peers) {
      const held = keys.filter((key) => key.startsWith(`PUB-p${partyId}/CACert/`));
      if (held.length > 1)
        throw new RefusesToStart(`PUB-p${partyId}/CACert/ holds ${held.length} objects, expected one`);
      const pem = held[0] ? await untilAnswered(() => vaults.read("public", held[0] ?? "")) : null;
      if (pem) found.set(partyId, pem);
      else found.delete(partyId);
      if (held[0] && pem) objects.set(partyId, held[0]);
    }
    const missing = server.peers.filter(({ partyId }) => !found.has(partyId)).map(({ partyId }) => partyId);
    if (missing.length === 0) {
      const complete = readServerConfig(current.configDir, places(current, found));
      if (reported !== "") {
        tell({ again: true });
        sayEnclaveStarts(complete.text);
      }
      sayInit(current, complete, objects);
      return complete;
    }
    const report = `waiting for the CA certificate of ${missing.map((id) => `party ${id}`).join(", ")}`;
    if (report !== reported) {
      if (reported !== "") tell({ again: true });
      sayInit(current, server, objects);
      // The place of a certificate that is not there leaves a key without a value, which no TOML parser takes.
      sayNothingStarts(
        `TOML parse error: tls_cert.pem of party ${missing.join(", ")} has no value: string values must be quoted`,
      );
      tell({ held: report });
    }
    reported = report;
    await sleep(retryMs);
  }
}

/** What the script of init container kms-core-init-load-env prints; no environment, and nothing secret is in the files. */
function sayInit(current: NodeConfig, server: ServerConfig, objects: ReadonlyMap<number, string>): void {
  const base = current.env.CORE_CLIENT__S3_ENDPOINT ?? "";
  speech.init(`Fetching TLS certificates from S3 base URL: ${base}`);
  for (const { partyId } of server.peers) {
    const object = objects.get(partyId);
    speech.init(`Looking for CA cert for party ${partyId} at: ${base}?list-type=2&prefix=PUB-p${partyId}/CACert/`);
    speech.init(`Found bucket path: ${object ?? ""}`);
    speech.init(object ? `Fetched CA cert for party ${partyId}` : `WARNING: No CA cert found for party ${partyId}`);
  }
  speech.init(`### BEGIN - kms-server.toml ###\n${server.text.trimEnd()}\n### END - kms-server.toml ###`);
}

/** Clouds come and go; what they refuse stays refused. */
async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  let reported = "";
  let reportedAt = 0;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof RefusesToStart) throw error;
      const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
      if (status === undefined && !isNetworkError(error)) throw error;
      const { requestId, ...refusal } = refusalOf(error as Error);
      const report = JSON.stringify(refusal);
      if (report !== reported || Date.now() - reportedAt > saidAgainMs) {
        // A role that gets its policy only now is no other case than one that has lost it: it is asked again, and says so.
        sayNothingStarts(
          status === undefined ? `dispatch failure: ${String(error)}` : s3Refusal({ ...refusal, requestId }),
        );
        tell({ held: `the vaults do not answer yet: ${String(error)}` });
        reportedAt = Date.now();
      }
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
  if (!(error instanceof RefusesToStart)) {
    console.error(error);
    process.exit(70);
  }
  if (error.refusal !== null) sayKeyStaysSealed(error.refusal);
  else speech.raw(`Error: ${error.message}`);
  tell({ held: error.message });
  process.exit(1);
});
