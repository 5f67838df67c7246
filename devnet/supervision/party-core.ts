import { join } from "node:path";
import tls from "node:tls";
import { addressesOf } from "../addresses.ts";
import { KubeError } from "../clusters/kube-client.ts";
import { coreLogPath, enclavesPath } from "../clusters/kwok.ts";
import type { Fault } from "../fault.ts";
import { readIfThere, writeReplaceable } from "../files.ts";
import type { NodeConfig } from "../nodes/config.ts";
import { CoreLog } from "./core-log.ts";
import { CoreProcess, coreAnswers } from "./core-process.ts";
import { type EnclaveDescription, eifLines, enclaveAsked, failedEnclaveLines, startedEnclave } from "./enclave-log.ts";
import { measurementsOf, type NodeOptions, prepareNode } from "./node-preparation.ts";
import { isRunning, type PodObject, patchReady } from "./pod-object.ts";
import type { ProcessIdentity } from "./processes.ts";

/** `absent`: no pod. `pending`: a pod that is not running. `down`: it ended, or was killed. */
export type CoreState = "absent" | "pending" | "starting" | "serving" | "hung" | "down";

export interface CoreStatus {
  partyId: number;
  core: CoreState;
  pod: string | null;
  pid: number | null;
  bootId: string | null;
  /** Why it is not serving. */
  detail: string | null;
  faults: CoreFault[];
}

/** Faults of the core itself, and of what it starts with. */
export type CoreFault = Extract<
  Fault,
  {
    kind:
      | "kill"
      | "hang"
      | "expire-cert"
      | "wrong-release"
      | "cn-mismatch"
      | "enclave-stopped"
      | "rate-limit"
      | "skew-clock"
      | "no-prss";
  }
>;
type Kind = CoreFault["kind"];

/** Those that end with the enclave: another one has no such past. */
const endsWithPod: readonly Kind[] = ["kill", "hang", "expire-cert", "enclave-stopped", "rate-limit", "skew-clock"];
/** Those that a running core does not meet. */
const needsRestart: ReadonlySet<Kind> = new Set(["cn-mismatch"]);
/** Those with which there is no process. */
const keepsDown: ReadonlySet<Kind> = new Set(["kill", "enclave-stopped"]);

export interface PartyCoreOptions extends NodeOptions {
  record(name: string, process: ProcessIdentity | null): void;
  log(text: string): void;
}

const healthPauseMs = 1_000;
/** A missed answer or two may be the machine's; three in a row are the core's. */
const missedAnswers = 3;
const firstBackoffMs = 500;
const longestBackoffMs = 10_000;
const effectTimeoutMs = 15_000;

/** Keeps the core process of one party in step with its pod: pod runs → process runs, process dead → pod not ready. */
export class PartyCore {
  readonly #options: PartyCoreOptions;
  readonly #host: string;
  #pod: PodObject | null = null;
  #process: CoreProcess | null = null;
  #state: CoreState = "absent";
  #detail: string | null = null;
  #bootId: string | null = null;
  #env: Record<string, string> = {};
  #restarts = 0;
  #backoffMs = firstBackoffMs;
  #missed = 0;
  /** The enclave that the process plays. */
  #enclave: EnclaveDescription | null = null;
  /** Whether the process said why it does not serve. */
  #isHeld = false;
  #nodeConfig: NodeConfig | null = null;
  /** The pod's readiness being told. */
  #telling: Promise<void> = Promise.resolve();
  readonly #faults = new Map<Kind, CoreFault>();
  #isStopped = false;
  #retry: NodeJS.Timeout | undefined;
  readonly #health: NodeJS.Timeout;
  /** One change after another. */
  #change: Promise<void> = Promise.resolve();

  constructor(options: PartyCoreOptions) {
    this.#options = options;
    this.#host = addressesOf(options.config.k).core(options.party.id);
    this.#health = setInterval(() => void this.#checkHealth(), healthPauseMs);
  }

  get status(): CoreStatus {
    return {
      partyId: this.#options.party.id,
      core: this.#state,
      pod: this.#pod?.metadata.name ?? null,
      pid: this.#process?.pid ?? null,
      bootId: this.#bootId,
      detail: this.#state === "serving" ? null : this.#detail,
      faults: [...this.#faults.values()],
    };
  }

  /** Environment of the running pod; empty before it runs. */
  get environment(): Readonly<Record<string, string>> {
    return this.#env;
  }

  /** Tells all core pods of the party that there are now. */
  podsAre(pods: readonly PodObject[]): void {
    const newest = [...pods].sort((a, b) => Number(b.metadata.resourceVersion) - Number(a.metadata.resourceVersion));
    const running = newest.find(isRunning) ?? null;
    if (running === null) {
      const waiting = newest.find(({ metadata }) => metadata.deletionTimestamp === undefined);
      this.#enqueue(() => this.#withoutPod(waiting ?? null));
    } else this.#enqueue(() => this.#withPod(running));
  }

  /** Resolves when the fault is what others meet. */
  async applyFault(fault: CoreFault): Promise<void> {
    this.#faults.set(fault.kind, fault);
    await this.#enqueue(async () => {
      if (fault.kind === "kill") {
        await this.#down("killed by a fault");
      } else if (fault.kind === "enclave-stopped") {
        await this.#down("containers with unready status: [kms-core-enclave]");
        if (this.#pod !== null) this.#sayEnclave(this.#pod, null);
      } else if (fault.kind === "hang") {
        this.#process?.signal("SIGSTOP");
        if (this.#process !== null) this.#becomes("hung", "frozen by a fault");
        await this.#report(false, "frozen by a fault");
      } else if (needsRestart.has(fault.kind)) await this.#restart();
      else await this.#readAgain();
    });
    if (needsRestart.has(fault.kind)) await this.#untilServing();
  }

  /** Starts the core anew, as when its container is; resolves when it serves, or when it is clear that it does not. */
  async restart(): Promise<void> {
    await this.#enqueue(() => this.#restart());
    await this.#untilServing();
  }

  /** Ends all faults of the core; resolves when it serves again, if its pod runs. */
  async heal(): Promise<void> {
    if (this.#faults.size === 0) return;
    const had = new Set(this.#faults.keys());
    this.#faults.clear();
    await this.#enqueue(async () => {
      if (had.has("hang")) this.#process?.signal("SIGCONT");
      if ([...had].some((kind) => needsRestart.has(kind) || keepsDown.has(kind))) await this.#restart();
      else if ([...had].some((kind) => kind !== "hang")) await this.#readAgain();
    });
    await this.#untilServing();
  }

  async #untilServing(): Promise<void> {
    const deadline = Date.now() + effectTimeoutMs;
    while (this.#process !== null && this.#state !== "serving" && !this.#isHeld && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (this.#state === "hung") await this.#checkHealth();
    }
    await this.#telling;
  }

  async #down(why: string): Promise<void> {
    clearTimeout(this.#retry);
    await this.#process?.kill();
    this.#becomes("down", why);
    await this.#report(false, why);
  }

  async #restart(): Promise<void> {
    clearTimeout(this.#retry);
    this.#backoffMs = firstBackoffMs;
    const process = this.#process;
    // What ends now was ended by us: nothing starts it again but what follows.
    this.#process = null;
    this.#bootId = null;
    await process?.stop();
    const keptDown = [...this.#faults.keys()].some((kind) => keepsDown.has(kind));
    if (this.#pod !== null && !this.#isStopped && !keptDown) await this.#start(this.#pod);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#health);
    clearTimeout(this.#retry);
    await this.#enqueue(async () => {
      await this.#process?.stop();
    });
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const next = this.#change.then(work);
    this.#change = next.catch((error) =>
      this.#options.log(`core of party ${this.#options.party.id}: ${(error as Error).stack}`),
    );
    return next;
  }

  async #withoutPod(waiting: PodObject | null): Promise<void> {
    clearTimeout(this.#retry);
    this.#pod = null;
    await this.#process?.stop();
    const why = waiting?.status?.conditions?.find(({ status }) => status === "False");
    if (waiting === null) this.#becomes("absent", "no pod");
    else this.#becomes("pending", why?.message ?? why?.reason ?? waiting.status?.phase ?? "Pending");
  }

  async #withPod(pod: PodObject): Promise<void> {
    const isNew = pod.metadata.uid !== this.#pod?.metadata.uid;
    this.#pod = pod;
    if (!isNew || this.#isStopped) return;
    clearTimeout(this.#retry);
    await this.#process?.stop();
    // What was done to the enclave of another pod is over with that pod.
    for (const kind of endsWithPod) this.#faults.delete(kind);
    this.#restarts = 0;
    this.#backoffMs = firstBackoffMs;
    await this.#start(pod);
  }

  async #start(pod: PodObject): Promise<void> {
    this.#becomes("starting", "starting");
    this.#isHeld = false;
    await this.#report(false, "the core is starting");
    try {
      const config = await prepareNode(this.#options, pod, "core-config");
      this.#env = config.env;
      if (this.#isStopped) return;
      const configFile = join(this.#options.files.party(this.#options.party.id), "core.json");
      this.#nodeConfig = config;
      this.#writeNodeConfig(configFile);
      this.#sayEnclave(pod, config);
      this.#process = this.#run(configFile);
    } catch (error) {
      if (isRefusedByAws(error)) await this.#endWithoutRole(error);
      // A ConfigMap or a role that is not there yet: a kubelet would wait for it as well.
      this.#detail = (error as Error).message;
      this.#options.log(`core of party ${this.#options.party.id} cannot start yet: ${this.#detail}`);
      this.#startAgainLater(pod);
    }
  }

  /** What a core says that AWS gives no role, and ends with. */
  async #endWithoutRole({ name, message }: Error): Promise<void> {
    const { files, party } = this.#options;
    const log = new CoreLog(coreLogPath(files, party.id));
    const time = new Date().toISOString().replace(/Z$/, "000Z");
    const why = `an error occurred while loading credentials: service error: unhandled error (${name}): Error { code: "${name}", message: "${message}" }`;
    log.write(
      "stdout",
      `${time}  WARN main ThreadId(01) aws_config::meta::credentials::chain: provider failed to provide credentials provider=WebIdentityToken error=${why}`,
    );
    log.close();
    this.#becomes("down", message);
    await this.#report(false, `the core ended: ${message}`);
  }

  #run(configFile: string): CoreProcess {
    const { files, config, party, record } = this.#options;
    const name = `party-${party.id}/core`;
    const logs = { core: coreLogPath(files, party.id), init: coreLogPath(files, party.id, "init") };
    const process: CoreProcess = new CoreProcess(configFile, logs, config.mark, {
      started: (identity) => record(name, identity),
      ready: (bootId) => {
        this.#bootId = bootId;
        this.#backoffMs = firstBackoffMs;
        this.#isHeld = false;
        this.#writeEnclaves(this.#enclave === null ? [] : [this.#enclave]);
        if (this.#faults.has("hang") || this.#faults.has("kill")) return;
        this.#becomes("serving", null);
        this.#telling = this.#report(true, "");
      },
      held: (reason) => {
        // A real enclave ends with what it can not start, and is none that nitro-cli tells of.
        this.#isHeld = true;
        this.#detail = reason;
        this.#writeEnclaves([]);
      },
      ended: (how) => {
        record(name, null);
        if (this.#process === process) this.#onEnd(how);
      },
    });
    return process;
  }

  #onEnd(how: string): void {
    this.#process = null;
    this.#bootId = null;
    const pod = this.#pod;
    this.#writeEnclaves([]);
    if (pod === null || this.#isStopped) return;
    const why = this.#isHeld ? (this.#detail ?? how) : how;
    this.#becomes("down", why);
    void this.#report(false, `the core ended: ${why}`);
    if ([...this.#faults.keys()].some((kind) => keepsDown.has(kind))) return;
    this.#options.log(`core of party ${this.#options.party.id} ended (${how}), again in ${this.#backoffMs} ms`);
    this.#startAgainLater(pod);
  }

  #startAgainLater(pod: PodObject): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      void this.#enqueue(async () => {
        const current = this.#pod;
        if (this.#process !== null || current === null || current.metadata.uid !== pod.metadata.uid) return;
        if (this.#isStopped || [...this.#faults.keys()].some((kind) => keepsDown.has(kind))) return;
        if (this.#state === "down") this.#restarts += 1;
        await this.#start(current);
      }).catch(() => {});
    }, this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, longestBackoffMs);
  }

  async #checkHealth(): Promise<void> {
    if (this.#state !== "serving" && this.#state !== "hung") return;
    if (this.#faults.has("hang")) return;
    const process = this.#process;
    const answers = await coreAnswers(this.#host, this.#options.config.ports.metrics);
    if (process !== this.#process || process === null || this.#faults.has("hang")) return;
    this.#missed = answers ? 0 : this.#missed + 1;
    if (answers && this.#state === "hung") {
      this.#becomes("serving", null);
      await this.#report(true, "");
    } else if (this.#state === "serving" && this.#missed >= missedAnswers) {
      this.#becomes("hung", "its health port is silent");
      await this.#report(false, "the core's health port is silent");
    }
  }

  /** Has the running core read its faults again, and waits until it serves another certificate. */
  async #readAgain(): Promise<void> {
    if (this.#process === null) return;
    const before = await certificateOf(this.#host, this.#options.config.ports.peer);
    this.#writeNodeConfig(join(this.#options.files.party(this.#options.party.id), "core.json"));
    this.#process.signal("SIGHUP");
    const deadline = Date.now() + effectTimeoutMs;
    while (Date.now() < deadline && this.#process !== null) {
      const now = await certificateOf(this.#host, this.#options.config.ports.peer);
      if (now !== null && now !== before) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #writeNodeConfig(path: string): void {
    if (this.#nodeConfig === null) return;
    writeReplaceable(path, `${JSON.stringify({ ...this.#nodeConfig, fault: this.#nodeFault() }, undefined, 2)}\n`);
  }

  #nodeFault(): NodeConfig["fault"] {
    const skew = this.#faults.get("skew-clock");
    return {
      ...(this.#faults.has("expire-cert") ? { expireCert: true } : {}),
      ...(this.#faults.has("wrong-release") ? { pcrs: untrusted } : {}),
      // The name that the chart gives where nothing else is said: of the StatefulSet.
      ...(this.#faults.has("cn-mismatch") ? { tlsSubject: `kms-core-${this.#options.party.id}` } : {}),
      ...(this.#faults.has("rate-limit") ? { rateLimited: true } : {}),
      ...(this.#faults.has("no-prss") ? { noPrss: true } : {}),
      ...(skew?.kind === "skew-clock" ? { skewSeconds: skew.seconds } : {}),
    };
  }

  /** What container kms-core-enclave says, and nitro-cli in it; `config` is null where the enclave does not start. */
  #sayEnclave(pod: PodObject, config: NodeConfig | null): void {
    const { files, party } = this.#options;
    const node = config ?? this.#nodeConfig;
    if (node === null || !pod.spec.containers.some(({ name }) => name === "kms-core-enclave")) return;
    const text = readIfThere(join(node.configDir, "enclave.json"));
    if (text === null) return;
    const log = new CoreLog(coreLogPath(files, party.id, "enclave"));
    const asked = enclaveAsked(text);
    const pcrs = this.#nodeFault().pcrs ?? node.release;
    const started = config === null ? null : startedEnclave(asked, pcrs);
    const lines = [...eifLines(text, pcrs, node.version), ...(started?.lines ?? failedEnclaveLines(asked, new Date()))];
    for (const line of lines) log.write("stdout", line);
    log.close();
    this.#enclave = started?.description ?? null;
    this.#writeEnclaves(this.#enclave === null ? [] : [this.#enclave]);
  }

  #writeEnclaves(enclaves: readonly object[]): void {
    const { files, party } = this.#options;
    writeReplaceable(enclavesPath(files, party.id), `${JSON.stringify(enclaves, undefined, 2)}\n`);
  }

  #becomes(state: CoreState, detail: string | null): void {
    this.#state = state;
    this.#detail = detail;
    if (state !== "hung") this.#missed = 0;
  }

  async #report(ready: boolean, reason: string): Promise<void> {
    const pod = this.#pod;
    if (pod === null) return;
    try {
      await patchReady(this.#options.client, pod, ready, reason, this.#restarts);
    } catch (error) {
      // The pod went, or another one has its name: nothing to say of this one any more.
      if (error instanceof KubeError && (error.status === 404 || error.status === 409)) return;
      this.#options.log(`pod of party ${this.#options.party.id} cannot be patched: ${(error as Error).message}`);
    }
  }
}

const untrusted = measurementsOf("an enclave that nobody trusts");

/** Whether STS answered, and said no. */
function isRefusedByAws(error: unknown): error is Error {
  const { $metadata, name } = error as { $metadata?: { httpStatusCode?: number }; name?: string };
  return $metadata?.httpStatusCode !== undefined && ["AccessDenied", "InvalidIdentityToken"].includes(name ?? "");
}

/** SHA-256 of the certificate that is served on an address; null where none is. */
function certificateOf(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    // Never with `ca`: Node 24 crashes on an authority with a secp256k1 key, and a core's has one.
    const socket = tls.connect({ host, port, rejectUnauthorized: false, timeout: 2_000 });
    const end = (answer: string | null) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("secureConnect", () => end(socket.getPeerX509Certificate()?.fingerprint256 ?? null));
    socket.once("timeout", () => end(null));
    socket.once("error", () => end(null));
  });
}
