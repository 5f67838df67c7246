import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as dnsPacket from "dns-packet";
import { signingKeyHandle } from "../../contract/signing-key-handle.ts";
import { certificateSha256 } from "../../devnet/attestation.ts";
import { certificatePem, createCertificate, issuerExtensions } from "../../devnet/nodes/certificates.ts";
import type { NodeConfig } from "../../devnet/nodes/config.ts";
import type { NodeEvent } from "../../devnet/nodes/core-log.ts";

export const oldRelease = { pcr0: "a1".repeat(48), pcr1: "b1".repeat(48), pcr2: "c1".repeat(48) };
export const otherRelease = { pcr0: "a2".repeat(48), pcr1: "b2".repeat(48), pcr2: "c2".repeat(48) };

const nodeMain = join(import.meta.dirname, "../../devnet/nodes/main.ts");
export const ports = { grpc: 50_100, peer: 50_001, metrics: 9_646 };
export const domain = "kms-decentralized.svc.cluster.local";

type Change = (config: Record<string, unknown>) => void;

/** One running node process of a test. */
export interface LoopbackNode {
  partyId: number;
  address: string;
  bootId: string;
  process: ChildProcess;
  /** What the enclave says. */
  log: () => string;
  /** What the pod's init container says. */
  init: () => string;
  /** Rewrites the configuration file and has the node read it. */
  setFault(fault: NodeConfig["fault"]): Promise<void>;
}

/** Bare nodes on loopback with a DNS server, no cluster and no cloud. Everything ends with `await using`. */
export class LoopbackNetwork implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "quorate-nodes-"));
  readonly rootSha256: string;
  readonly rootCertPem: string;
  readonly rootKeyPem: string;
  readonly records = new Map<string, string>();
  readonly nodes: LoopbackNode[] = [];
  readonly k: number;
  readonly parties: number[];
  #dns: Socket | undefined;
  resolver = "";

  private constructor(k: number, size: number) {
    this.k = k;
    this.parties = Array.from({ length: size }, (_, index) => index + 1);
    const root = generateKeyPairSync("ec", { namedCurve: "secp384r1" });
    const certificate = createCertificate({
      subject: "test attestation root",
      issuer: "test attestation root",
      publicKey: root.publicKey,
      signer: root.privateKey,
      notBefore: new Date(Date.now() - 86_400_000),
      notAfter: new Date(Date.now() + 86_400_000 * 365),
      extensions: issuerExtensions(),
    });
    this.rootCertPem = certificatePem(certificate);
    this.rootKeyPem = root.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    this.rootSha256 = certificateSha256(this.rootCertPem);
    writeFileSync(join(this.folder, "root.crt"), this.rootCertPem);
    writeFileSync(join(this.folder, "root.key"), this.rootKeyPem);
  }

  /** A network of this size whose nodes are up and know each other. */
  static async start(k: number, size: number, change: Record<number, Change> = {}): Promise<LoopbackNetwork> {
    const network = new LoopbackNetwork(k, size);
    try {
      await network.serveDns();
      const starting = network.parties.map((id) => network.startNode(id, change[id]));
      await network.exchangeCaCertificates();
      network.nodes.push(...(await Promise.all(starting)));
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** DNS and folders only. */
  static async empty(k: number, size: number): Promise<LoopbackNetwork> {
    const network = new LoopbackNetwork(k, size);
    await network.serveDns();
    return network;
  }

  readonly #children = new Set<ChildProcess>();

  address(id: number): string {
    return `127.${this.k}.0.${id}`;
  }

  vaultFile(id: number, vault: "public" | "private", key: string): string {
    return join(this.folder, `party-${id}`, "vaults", vault, key);
  }

  caCertificate(id: number): string {
    return this.publicObject(id, `PUB-p${id}/CACert/${signingKeyHandle}`);
  }

  publicObject(id: number, key: string): string {
    return readFileSync(this.vaultFile(id, "public", key), "utf8");
  }

  waitForCaCertificate(id: number): Promise<string> {
    return this.#poll(() => this.caCertificate(id));
  }

  node(id: number): LoopbackNode {
    const node = this.nodes.find(({ partyId }) => partyId === id);
    if (!node) throw new Error(`no node ${id}`);
    return node;
  }

  /** Starts the process and resolves when it says that it is ready. */
  async startNode(id: number, change: Change = () => {}): Promise<LoopbackNode> {
    const { child, configPath, log, init, watch } = this.spawnNode(id, change);
    const bootId = await new Promise<string>((resolve, reject) => {
      watch((event) => "ready" in event && resolve(event.bootId));
      child.once("exit", (code) => reject(new Error(`node ${id} ended with ${code}: ${log()}`)));
    });
    const setFault = async (fault: NodeConfig["fault"]) => {
      const config = JSON.parse(readFileSync(configPath, "utf8"));
      writeFileSync(configPath, JSON.stringify({ ...config, fault }));
      const read = new Promise<void>((resolve) => watch((event) => "reread" in event && resolve()));
      child.kill("SIGHUP");
      await read;
    };
    return { partyId: id, address: this.address(id), bootId, process: child, log, init, setFault };
  }

  spawnNode(id: number, change: Change = () => {}, args: string[] = []) {
    const folder = join(this.folder, `party-${id}`);
    const configDir = join(folder, "config");
    mkdirSync(configDir, { recursive: true });
    writeFileSync(join(configDir, "kms-server.toml"), this.serverToml());
    const config: Record<string, unknown> = {
      partyId: id,
      k: this.k,
      listenHost: this.address(id),
      resolver: this.resolver,
      configDir,
      stateDir: folder,
      env: {},
      attestation: { rootKeyPem: join(this.folder, "root.key"), rootCertPem: join(this.folder, "root.crt") },
      release: oldRelease,
      aws: null,
      exitWithParent: true,
    };
    change(config);
    const configPath = join(folder, "node.json");
    writeFileSync(configPath, JSON.stringify(config));
    const child = spawn(process.execPath, [nodeMain, configPath, ...args], { stdio: ["pipe", "pipe", "pipe"] });
    this.#children.add(child);
    let text = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    const events: NodeEvent[] = [];
    const watchers: ((event: NodeEvent) => void)[] = [];
    if (child.stdout)
      createInterface({ input: child.stdout }).on("line", (line) => {
        const event = JSON.parse(line) as NodeEvent;
        events.push(event);
        for (const tell of watchers) tell(event);
      });
    return {
      child,
      configPath,
      log: () => text,
      init: () => events.flatMap((event) => ("init" in event ? [event.init] : [])).join("\n"),
      held: () => events.flatMap((event) => ("held" in event ? [event.held] : [])),
      watch: (tell: (event: NodeEvent) => void) => void watchers.push(tell),
    };
  }

  /** Copies every party's CA certificate into every vault as soon as it is there: what operators do by hand. */
  async exchangeCaCertificates(): Promise<void> {
    for (const from of this.parties) {
      const pem = await this.waitForCaCertificate(from);
      for (const to of this.parties) {
        const copy = this.vaultFile(to, "public", `PUB-p${from}/CACert/${signingKeyHandle}`);
        mkdirSync(join(copy, ".."), { recursive: true });
        if (to !== from) writeFileSync(copy, pem);
      }
    }
  }

  async #poll<T>(read: () => T): Promise<T> {
    for (;;) {
      try {
        return read();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  serverToml(trusted: readonly object[] = [oldRelease, otherRelease].slice(0, 1)): string {
    const t = (this.parties.length - 1) / 3;
    const releases = trusted.map(
      (release) =>
        `[[threshold.tls.auto.trusted_releases]]\n${Object.entries(release)
          .map(([pcr, hex]) => `${pcr} = "${hex}"`)
          .join("\n")}\n`,
    );
    const peers = this.parties.map(
      (id) => `[[threshold.peers]]
party_id = ${id}
mpc_identity = "mpc-node-${id}"
address = "mpc-node-${id}"
port = ${ports.peer}
tls_cert.pem = \${KMS_CA_PEM_${id}}
`,
    );
    return `[service]
listen_address = "0.0.0.0"
listen_port = ${ports.grpc}
[threshold]
listen_address = "0.0.0.0"
listen_port = ${ports.peer}
my_id = "\${KMS_CORE__THRESHOLD__MY_ID}"
threshold = ${t}
[threshold.tls.auto]
${releases.join("")}${peers.join("")}[telemetry]
metrics_bind_address = "0.0.0.0:${ports.metrics}"
`;
  }

  /** Answers A queries from `records`; party names are there from the start. An empty record is a server that does not answer. */
  async serveDns(): Promise<void> {
    for (const id of this.parties) {
      this.records.set(`mpc-node-${id}.${domain}`, this.address(id));
      this.records.set(`kms-core-${id}.${domain}`, this.address(id));
    }
    const socket = createSocket("udp4");
    socket.on("message", (message, from) => {
      const query = dnsPacket.decode(message);
      const question = query.questions?.[0];
      const address = this.records.get(question?.name ?? "");
      if (!question || address === "") return;
      const answers =
        address && question.type === "A" ? [{ type: "A" as const, name: question.name, ttl: 1, data: address }] : [];
      const flags = address === undefined ? 3 : 0;
      socket.send(
        dnsPacket.encode({
          type: "response",
          id: query.id ?? 0,
          flags: flags | 0x8180,
          questions: [question],
          answers,
        }),
        from.port,
        from.address,
      );
    });
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    this.#dns = socket;
    this.resolver = `127.0.0.1:${socket.address().port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#dns?.close();
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
