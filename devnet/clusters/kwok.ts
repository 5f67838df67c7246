import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { coreClientName } from "../../contract/core-client.ts";
import { addressesOf, ports } from "../addresses.ts";
import { type DevnetFiles, writeReplaceable } from "../files.ts";
import type { Program } from "../supervision/program.ts";
import { toolPath } from "../tool-path.ts";
import { adminKubeconfigPath, type ControlPlane } from "./control-plane.ts";
import { askHealthz } from "./healthz.ts";
import { stages } from "./stages.ts";

/** Working directory of commands that `kubectl exec` runs in a party's pods. */
export function podFolder(files: DevnetFiles, party: number): string {
  return join(files.party(party), "pod");
}

/** Programs that images have and this machine has not. */
function podTools(files: DevnetFiles, party: number): string {
  return join(files.party(party), "pod-tools");
}

/** Containers of a core's pod, by what their log holds. */
const loggingContainers = {
  core: ["kms-core-enclave-logger", "kms-core"],
  init: ["kms-core-init-load-env"],
  enclave: ["kms-core-enclave"],
  job: ["kms-core-enclave-gen-cert-and-keys", "kms-gen-cert-and-keys"],
} as const;
export type CoreLogName = keyof typeof loggingContainers;

/** What `kubectl logs` shows: of `core` what the enclave says, of `init` what the pod's init container does, of `enclave` what nitro-cli does, of `job` what makes the keys. */
export function coreLogPath(files: DevnetFiles, party: number, log: CoreLogName = "core"): string {
  return join(files.party(party), "logs", log === "core" ? "core.log" : `core-${log}.log`);
}

/** The log of the run before. */
export function previousLogPath(path: string): string {
  return `${path}.previous`;
}

/** kwok, which plays the kubelets of one party: pods run, and `kubectl exec` and `logs` reach this machine. */
export function kwokProgram(plane: ControlPlane): Program {
  const { files, k, party, pki } = plane;
  const folder = files.party(party);
  const address = addressesOf(k).core(party);
  return {
    name: `party-${party}/kwok`,
    command: toolPath("kwok"),
    args: [
      `--kubeconfig=${adminKubeconfigPath(files, party)}`,
      `--config=${kwokConfigPath(files, party)}`,
      "--manage-all-nodes",
      `--cidr=10.${party}.0.0/16`,
      `--node-ip=${address}`,
      `--node-port=${ports.kubelet}`,
      `--server-address=${address}:${ports.kubelet}`,
      `--tls-cert-file=${pki.kubelet.cert}`,
      `--tls-private-key-file=${pki.kubelet.key}`,
      "--node-lease-duration-seconds=0",
      "--v=WARN",
    ],
    // `kubectl exec … node prober.mjs` means the Node that runs us, not an older one of the machine.
    env: {
      PATH: [podTools(files, party), dirname(process.execPath), process.env.PATH].filter(Boolean).join(delimiter),
    },
    logFile: join(folder, "logs", "kwok.log"),
    probe: () => askHealthz(address, ports.kubelet),
    startTimeoutMs: 60_000,
  };
}

/** Writes kwok's configuration of one party, and the folders that it names. Pods of `keptJobs`, by their label `app`, do not end by themselves. */
export function writeKwokFiles(plane: ControlPlane, keptJobs: string[] = []): void {
  const { files, k, party } = plane;
  const addresses = addressesOf(k);
  mkdirSync(podFolder(files, party), { recursive: true, mode: 0o700 });
  mkdirSync(dirname(coreLogPath(files, party)), { recursive: true, mode: 0o700 });
  writePodTools(files, party);
  const environment: Record<string, string> = {
    QUORATE_POD_IP: addresses.core(party),
    QUORATE_RESOLVER: `${addresses.dns(party)}:${ports.dns}`,
  };
  const localExec = (variables: Record<string, string>) => ({
    workDir: podFolder(files, party),
    envs: Object.entries(variables).map(([name, value]) => ({ name, value })),
  });
  const documents = [
    ...stages(keptJobs),
    {
      apiVersion: "kwok.x-k8s.io/v1alpha1",
      kind: "ClusterExec",
      metadata: { name: "pods" },
      spec: {
        execs: [
          { containers: [coreClientName], local: localExec({ ...environment, QUORATE_CORE_CLIENT: "1" }) },
          { local: localExec(environment) },
        ],
      },
    },
    {
      apiVersion: "kwok.x-k8s.io/v1alpha1",
      kind: "ClusterLogs",
      metadata: { name: "pods" },
      spec: { logs: podLogs(files, party) },
    },
  ];
  writeReplaceable(kwokConfigPath(files, party), documents.map((document) => JSON.stringify(document)).join("\n---\n"));
}

/** A file for each container that says something, and an empty one for all others. */
function podLogs(files: DevnetFiles, party: number): object[] {
  const names = Object.keys(loggingContainers) as CoreLogName[];
  const silent = join(files.party(party), "logs", "silent.log");
  for (const path of [silent, ...names.map((name) => coreLogPath(files, party, name))])
    closeSync(openSync(path, "a", 0o600));
  return [
    ...names.map((name) => ({
      containers: loggingContainers[name],
      logsFile: coreLogPath(files, party, name),
      previousLogsFile: previousLogPath(coreLogPath(files, party, name)),
      follow: true,
    })),
    { logsFile: silent, follow: true },
  ];
}

/** The enclaves that run on the party's node, as nitro-cli tells of them. */
export function enclavesPath(files: DevnetFiles, party: number): string {
  return join(files.party(party), "enclaves.json");
}

/** `kms-health-check`, which the image core-client has, and of nitro-cli, which the enclave's has, what asks for enclaves. */
function writePodTools(files: DevnetFiles, party: number): void {
  mkdirSync(podTools(files, party), { recursive: true, mode: 0o700 });
  const nitro = join(podTools(files, party), "nitro-cli");
  const enclaves = quoted(enclavesPath(files, party));
  writeReplaceable(
    nitro,
    `#!/bin/sh\n[ "$1" = describe-enclaves ] || { echo "nitro-cli: the devnet has describe-enclaves only" >&2; exit 2; }\ncat ${enclaves} 2>/dev/null || echo "[]"\n`,
  );
  chmodSync(nitro, 0o700);
  const path = join(podTools(files, party), "kms-health-check");
  const program = fileURLToPath(new URL("../nodes/kms-health-check.ts", import.meta.url));
  writeReplaceable(path, `#!/bin/sh\nexec ${quoted(process.execPath)} ${quoted(program)} "$@"\n`);
  chmodSync(path, 0o700);
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}

function kwokConfigPath(files: DevnetFiles, party: number): string {
  return join(files.party(party), "kwok.yaml");
}
