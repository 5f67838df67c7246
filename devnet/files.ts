import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileError } from "../contract/file-error.ts";

/** Where a devnet keeps its things, below `<root>/.quorate`. */
export interface DevnetFiles {
  readonly quorate: string;
  /** Name of the network in use. */
  readonly current: string;
  environmentOf(network: string): string;
  /** Where commands write kubeconfigs with tokens: one folder of a network's name, and others that begin with it. */
  readonly access: string;
  /** The engine's working folder of a network. */
  engineOf(network: string): string;
  readonly devnet: string;
  readonly lock: string;
  readonly state: string;
  readonly devnetdConfig: string;
  readonly passphrase: string;
  readonly backend: string;
  readonly pulumiHome: string;
  readonly stacks: string;
  readonly aws: string;
  readonly pki: string;
  readonly etcd: string;
  readonly cloud: string;
  readonly logs: string;
  party(id: number): string;
}

/** The files of the devnet of a project directory. */
export function devnetFiles(root: string): DevnetFiles {
  const quorate = join(root, ".quorate");
  const devnet = join(quorate, "devnet");
  return {
    quorate,
    current: join(quorate, "current"),
    environmentOf: (network) => join(quorate, "env", `${network}.json`),
    access: join(quorate, "access"),
    engineOf: (network) => join(quorate, "engine", network),
    devnet,
    // Beside the folder, not in it: `devnet down` removes the folder while it holds the lock.
    lock: join(quorate, "devnet.lock"),
    state: join(devnet, "state.json"),
    devnetdConfig: join(devnet, "devnetd.json"),
    passphrase: join(devnet, "passphrase"),
    backend: join(devnet, "backend"),
    pulumiHome: join(devnet, "pulumi-home"),
    stacks: join(devnet, "stacks"),
    aws: join(devnet, "aws"),
    pki: join(devnet, "pki"),
    etcd: join(devnet, "etcd"),
    cloud: join(devnet, "cloud"),
    logs: join(devnet, "logs"),
    party: (id) => join(devnet, `party-${id}`),
  };
}

/** Writes a whole file or nothing: a reader, or a process killed half-way, never sees a part of it. */
export function writeWhole(path: string, text: string, mode = 0o600): void {
  write(path, text, mode, true);
}

/** The same for what can be made again: not waiting for the disk, so a crash of the machine may leave it empty. */
export function writeReplaceable(path: string, text: string): void {
  write(path, text, 0o600, false);
}

function write(path: string, text: string, mode: number, isDurable: boolean): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  const descriptor = openSync(temporary, "wx", mode);
  try {
    writeSync(descriptor, text);
    if (isDurable) fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  try {
    renameSync(temporary, path);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
}

/** Text of a file, or null where there is none. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw fileError(error, path) ?? error;
  }
}
