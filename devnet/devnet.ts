import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Transport } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { settleAttestationRoot } from "./clusters/pki.ts";
import type { Fault } from "./fault.ts";
import { type DevnetFiles, devnetFiles, readIfThere, writeWhole } from "./files.ts";
import {
  copyStacks,
  manifestCopy,
  readEnvironment,
  settleFolders,
  writeAwsFiles,
  writeEnvironment,
} from "./hand-out.ts";
import { findNumber } from "./number.ts";
import { devnetDownError } from "./ready.ts";
import { DevnetdConfig, readConfig } from "./supervision/config.ts";
import { askDevnetd } from "./supervision/control-client.ts";
import { tail } from "./supervision/keeper.ts";
import { isAlive, markVariable, reap, signalProcess } from "./supervision/processes.ts";
import { takeStartLock } from "./supervision/start-lock.ts";
import { type DevnetState, readState, writeState } from "./supervision/state.ts";
import type { DevnetdStatus } from "./supervision/status.ts";
import { toolPath } from "./tool-path.ts";
import { readTopology, type Topology } from "./topology.ts";

export interface DevnetUpOptions {
  /** Project directory: `stacks/` is read, `.quorate/` is written. */
  root: string;
  network: string;
  onProgress?: (text: string) => void;
  /** Whether CA certificates are copied between the vaults; without, they travel by party cards. @default true */
  exchange?: boolean;
  /** How parties reach each other. @default as this devnet was told before, or else as the manifest says */
  transport?: Transport | undefined;
  /** Done before another `up` or `down` may begin. */
  whileLocked?: (devnet: DevnetHandle) => Promise<void>;
}

/** A devnet that is up. Disposing of it takes it down, state and all. */
export interface DevnetHandle extends AsyncDisposable {
  readonly root: string;
  readonly network: string;
  /** The devnet uses 127.k.0.0/16. */
  readonly k: number;
  readonly partyIds: readonly number[];
  /** Environment in which `pulumi`, `kubectl` and `helm` work on one party. */
  environment(party: number): Record<string, string>;
  status(): Promise<DevnetStatus>;
  fault(fault: Fault): Promise<void>;
  down(options?: { keep?: boolean }): Promise<void>;
}

/** `down`: nothing runs. Otherwise as devnetd says. */
export type DevnetStatus = Omit<DevnetdStatus, "phase"> & { phase: DevnetdStatus["phase"] | "down" };

const tools = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"];
const startTimeoutMs = 180_000;
const pollMs = 50;
/** devnetd's exit code when its number was taken between our look and its start. */
const numberTaken = 75;

/**
 * Starts the devnet of a network, or finds it up. Recovers from wherever it was killed: what a dead devnetd left is
 * reaped, what it had stored is used again.
 */
export async function devnetUp(options: DevnetUpOptions): Promise<DevnetHandle> {
  const topology = readTopology(options.root, options.network);
  for (const tool of tools) toolPath(tool);
  const files = devnetFiles(options.root);
  const progress = options.onProgress ?? (() => {});
  using _lock = takeStartLock(files.lock, `devnet up of ${options.network}`);
  const running = await findRunning(files, topology, progress);
  // Whoever edited a stack file and says `devnet up` again means the edit.
  if (running !== null) {
    if (options.transport !== undefined) running.transport = options.transport;
    writeWhole(files.devnetdConfig, `${JSON.stringify(running, undefined, 2)}\n`);
    const { attestationRootSha256, exchange, transport } = running;
    for (const said of copyStacks(files, options.root, topology, attestationRootSha256, exchange, transport))
      progress(said);
  }
  const config = running ?? (await startNew(files, options, topology, progress));
  const status = await waitUntilReady(files, config, progress);
  if (status.providers === null) throw new Error("devnetd is ready without provider ports");
  writeEnvironment(files, config, status.providers);
  const handle = handleOf(options.root, config);
  await options.whileLocked?.(handle);
  return handle;
}

/** Ends the devnet of a project, whatever is left of it. Its state goes too, unless it is to be kept. */
export async function devnetDown(options: { root: string; keep?: boolean }): Promise<void> {
  const files = devnetFiles(options.root);
  using _lock = takeStartLock(files.lock, "devnet down");
  const state = readState(files);
  if (state !== null) await stopDevnetd(files, state, options.keep === true);
  const network = state?.network ?? readConfig(files)?.network;
  // Its tokens open nothing any more, whether it is to come back or not.
  if (network !== undefined) removeAccess(files, network);
  if (!options.keep) removeState(files, network);
}

/** What runs, and in which state. Where devnetd is dead, what it left is ended first. */
export async function devnetStatus(root: string): Promise<DevnetStatus> {
  const files = devnetFiles(root);
  const state = readState(files);
  const status = state === null ? null : await askDevnetd<DevnetdStatus>(state, "status", null, 5_000);
  if (status !== null)
    return {
      ...status,
      // They answer in any order; whoever reads two reports compares them.
      programs: status.programs.toSorted((a, b) => ranked(a.name).localeCompare(ranked(b.name))),
      parties: status.parties.toSorted((a, b) => a.partyId - b.partyId),
    };
  if (state !== null && (state.devnetd === null || !isAlive(state.devnetd))) await reapIfIdle(files, state);
  return {
    phase: "down",
    network: state?.network ?? "",
    k: state?.k ?? 0,
    pid: 0,
    progress: [],
    failure: null,
    programs: [],
    parties: [],
    faults: [],
    providers: null,
  };
}

/** Programs that are there once come before those of each party, and party 10 after party 9. */
function ranked(program: string): string {
  return program
    .replace(/^party-(\d+)/, (_, id: string) => `party-${id.padStart(3, "0")}`)
    .replace(/^(?!party-)/, "0 ");
}

/** Makes something go wrong, or heals everything. Resolves when that is what others meet. */
export async function devnetFault(root: string, fault: Fault): Promise<DevnetStatus> {
  const state = readState(devnetFiles(root));
  const status = state === null ? null : await askDevnetd<DevnetdStatus>(state, "fault", fault);
  if (status === null) throw devnetDownError(root, "no devnetd that answers", state?.network);
  return status;
}

/** Environment in which `pulumi`, `kubectl` and `helm` work on one party of the devnet. */
export function devnetEnv(root: string, party: number | string): Record<string, string> {
  const files = devnetFiles(root);
  const state = readState(files);
  const overlay = state === null ? null : readEnvironment(files, state.network);
  if (overlay === null) throw devnetDownError(root, "no devnet was started", state?.network);
  const own = Object.hasOwn(overlay.parties, party) ? overlay.parties[party] : undefined;
  if (own === undefined)
    throw new OperatorError({
      code: "PARTY_UNKNOWN",
      what: `the devnet has no party ${party}`,
      found: String(party) || "nothing",
      expected: Object.keys(overlay.parties).join(", "),
      next: "npx quorate devnet status",
    });
  return { ...overlay.common, ...own };
}

/** The configuration of a devnetd that runs what the topology asks for; one that runs something else is ended. */
async function findRunning(
  files: DevnetFiles,
  topology: Topology,
  progress: (text: string) => void,
): Promise<DevnetdConfig | null> {
  const state = readState(files);
  if (state === null) return null;
  const isRunning = state.devnetd !== null && isAlive(state.devnetd);
  if (isRunning && state.network !== topology.network)
    throw new OperatorError({
      code: "DEVNET_OTHER_NETWORK",
      what: "a devnet of another network is up in this project",
      found: state.network,
      expected: topology.network,
      next: "npx quorate devnet down",
    });
  const status = isRunning ? await askDevnetd<DevnetdStatus>(state, "status", null, 5_000) : null;
  const config = readConfig(files);
  const isWanted =
    JSON.stringify([config?.parties, config?.elsewhere ?? {}]) ===
    JSON.stringify([topology.parties, topology.elsewhere]);
  if (status !== null && isWanted && (status.phase === "ready" || status.phase === "starting")) return config;
  if (state.devnetd !== null)
    progress(isRunning ? "ending a devnet that does not fit" : "clearing up after a devnet that was killed");
  await stopDevnetd(files, state, true);
  return null;
}

async function startNew(
  files: DevnetFiles,
  { root, exchange = true, transport: chosen }: DevnetUpOptions,
  topology: Topology,
  progress: (text: string) => void,
): Promise<DevnetdConfig> {
  const before = readState(files);
  if (before !== null && before.network !== topology.network) removeState(files, before.network);
  const { ports } = topology.manifest;
  const partyIds = topology.parties.map(({ id }) => id);
  const taken = new Set<number>();
  const findFree = () => findNumber(root, before?.k ?? null, partyIds, [ports.peer, ports.grpc, ports.metrics], taken);
  // Before anything is made that a refusal would leave half-made.
  let k = await findFree();
  settleFolders(files);
  const { root: attestationRoot, sha256 } = await settleAttestationRoot(files.pki);
  const transport = chosen ?? (before?.network === topology.network ? readConfig(files)?.transport : undefined);
  copyStacks(files, root, topology, sha256, exchange, transport);
  const operators = settleOperators(files, topology);
  for (;;) {
    const config = DevnetdConfig.parse({
      root,
      network: topology.network,
      k,
      token: randomBytes(24).toString("hex"),
      mark: randomBytes(24).toString("hex"),
      ports,
      parties: topology.parties,
      elsewhere: topology.elsewhere,
      operators,
      manifestFile: manifestCopy(files, topology.network),
      exchange,
      transport,
      attestationRoot,
      attestationRootSha256: sha256,
    } satisfies Record<keyof DevnetdConfig, unknown>);
    writeWhole(files.devnetdConfig, `${JSON.stringify(config, undefined, 2)}\n`);
    writeAwsFiles(files, config);
    // Before it starts: whoever comes after a kill finds it by this mark.
    writeState(files, {
      contract: "devnet-state/v1",
      network: config.network,
      k,
      token: config.token,
      mark: config.mark,
      devnetd: null,
      children: [],
    });
    progress(`starting ${partyIds.length} control planes in 127.${k}.0.0/16${elsewhereWords(topology)}`);
    if (await spawnDevnetd(files, config)) return config;
    taken.add(k);
    k = await findFree();
  }
}

/** A stack file with a slip in it should not be missed without a word. */
function elsewhereWords({ manifest, parties }: Topology): string {
  const others = manifest.parties.filter(({ id }) => !parties.some((party) => party.id === id));
  return others.length === 0 ? "" : `; no stack file here of party ${others.map(({ id }) => id).join(", ")}`;
}

/** False when devnetd found its number taken; resolves as soon as it answers. */
async function spawnDevnetd(files: DevnetFiles, config: DevnetdConfig): Promise<boolean> {
  const logFile = join(files.logs, "devnetd.log");
  const log = openSync(logFile, "a", 0o600);
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("./devnetd.ts", import.meta.url)), files.devnetdConfig],
    {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: files.devnet,
      env: {
        ...process.env,
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? compileCache,
        [markVariable]: config.mark,
      },
    },
  );
  closeSync(log);
  let exit: { code: number | null } | undefined;
  child.once("exit", (code) => {
    exit = { code };
  });
  child.once("error", () => {
    exit = { code: null };
  });
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    if (exit?.code === numberTaken) return false;
    if (exit !== undefined || Date.now() > deadline)
      throw new OperatorError({
        code: "DEVNET_FAILED",
        what: exit === undefined ? "devnetd does not answer" : `devnetd ended at once (exit ${exit.code})`,
        found: tail(logFile),
        expected: "a running devnetd",
        next: `read ${logFile}`,
        exitCode: 1,
      });
    if ((await askDevnetd(config, "status", null, 1_000)) !== null) break;
    await pause();
  }
  child.unref();
  return true;
}

async function waitUntilReady(
  files: DevnetFiles,
  config: DevnetdConfig,
  progress: (text: string) => void,
): Promise<DevnetdStatus> {
  let told = 0;
  const deadline = Date.now() + startTimeoutMs;
  for (let round = 0; ; round++) {
    const status = await askDevnetd<DevnetdStatus>(config, "status", null, 10_000);
    if (status?.phase === "ready" && round === 0) {
      progress("the devnet is up already");
      return status;
    }
    for (const text of status?.progress.slice(told) ?? []) progress(text);
    told = status?.progress.length ?? told;
    if (status?.phase === "ready") return status;
    if (status?.phase === "failed" && status.failure !== null) {
      const state = readState(files);
      if (state !== null) await stopDevnetd(files, state, true);
      throw new OperatorError(status.failure);
    }
    if (status === null || Date.now() > deadline)
      throw new OperatorError({
        code: "DEVNET_FAILED",
        what: status === null ? "devnetd ended while it was starting" : "the devnet does not get ready",
        found: tail(join(files.logs, "devnetd.log")),
        expected: "every program serving",
        next: "npx quorate devnet up",
        exitCode: 1,
      });
    await pause();
  }
}

/** Ends devnetd and everything that it started, whether it still answers or not. */
async function stopDevnetd(files: DevnetFiles, state: DevnetState, keep: boolean): Promise<void> {
  const { devnetd } = state;
  if (devnetd !== null && isAlive(devnetd)) {
    // One that cannot take the word is killed below.
    await askDevnetd(state, "stop", { keep }, 5_000).catch(() => null);
    const deadline = Date.now() + 20_000;
    while (isAlive(devnetd) && Date.now() < deadline) await pause();
    signalProcess(devnetd, "SIGKILL");
  }
  const now = readState(files) ?? state;
  await reap([...(devnetd === null ? [] : [devnetd]), ...state.children, ...now.children], state.mark);
}

async function reapIfIdle(files: DevnetFiles, state: DevnetState): Promise<void> {
  try {
    using _lock = takeStartLock(files.lock, "clearing up");
    await reap(state.children, state.mark);
  } catch (error) {
    // Whoever holds the lock is starting or ending it, and clears up itself.
    if (!(error instanceof OperatorError) || error.problem.code !== "DEVNET_STARTING") throw error;
  }
}

function removeState(files: DevnetFiles, network: string | undefined): void {
  if (network !== undefined) {
    rmSync(files.environmentOf(network), { force: true });
    rmSync(files.engineOf(network), { recursive: true, force: true });
    if (readIfThere(files.current)?.trim() === network) rmSync(files.current, { force: true });
    for (const path of [files.environmentOf(network), files.engineOf(network)]) removeIfEmpty(dirname(path));
  }
  rmSync(files.devnet, { recursive: true, force: true, maxRetries: 3 });
}

/** Kubeconfigs that commands on the network wrote: those that an operator asked for, and those of commands that were killed. */
function removeAccess(files: DevnetFiles, network: string): void {
  if (!existsSync(files.access)) return;
  for (const name of readdirSync(files.access))
    if (
      name === network ||
      (name.startsWith(`${network}-`) && name.length === network.length + 1 + temporaryNameLength)
    )
      rmSync(join(files.access, name), { recursive: true, force: true });
  removeIfEmpty(files.access);
}

/** What `mkdtemp` adds to a name. */
const temporaryNameLength = 6;

function removeIfEmpty(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}

/** Static keys of the operators: random, and the same as long as the devnet's state lives. */
function settleOperators(files: DevnetFiles, topology: Topology): DevnetdConfig["operators"] {
  const before = readConfig(files)?.operators ?? {};
  return Object.fromEntries(
    topology.parties.map(({ id }) => [
      String(id),
      before[String(id)] ?? {
        accessKeyId: `AKIA${randomBytes(8).toString("hex").toUpperCase()}`,
        secretAccessKey: randomBytes(30).toString("base64url"),
      },
    ]),
  );
}

function handleOf(root: string, config: DevnetdConfig): DevnetHandle {
  const down = (options: { keep?: boolean } = {}) => devnetDown({ root, ...options });
  return {
    root,
    network: config.network,
    k: config.k,
    partyIds: config.parties.map(({ id }) => id),
    environment: (party) => devnetEnv(root, party),
    status: () => devnetStatus(root),
    fault: async (fault) => {
      await devnetFault(root, fault);
    },
    down,
    [Symbol.asyncDispose]: () => down(),
  };
}

/** Where Node itself keeps what it has compiled, and so does the command: only the first devnet of a machine compiles. */
const compileCache = join(tmpdir(), "node-compile-cache");

const pause = () => new Promise((resolve) => setTimeout(resolve, pollMs));
