import { readFileSync } from "node:fs";
import { join } from "node:path";
import { addressesOf, ports } from "../addresses.ts";
import type { DevnetFiles } from "../files.ts";
import type { Program } from "../supervision/program.ts";
import { toolPath } from "../tool-path.ts";
import { askHealthz } from "./healthz.ts";
import type { EtcdPki } from "./pki.ts";

/** The one etcd of a devnet. The parties' API servers share it, each below a prefix of its own. */
export function etcdProgram(files: DevnetFiles, k: number, pki: EtcdPki): Program {
  const address = addressesOf(k).etcd;
  const client = `https://${address}:${ports.etcdClient}`;
  const peer = `http://${address}:${ports.etcdPeer}`;
  return {
    name: "etcd",
    command: toolPath("etcd"),
    args: [
      "--name=devnet",
      `--data-dir=${files.etcd}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=devnet=${peer}`,
      // A data folder of a devnet that had another k still names its old peer address; a single member does not mind.
      "--initial-cluster-state=new",
      `--cert-file=${pki.server.cert}`,
      `--key-file=${pki.server.key}`,
      `--trusted-ca-file=${pki.ca.cert}`,
      "--client-cert-auth",
      // Alone, it elects itself after one election timeout, which therefore is part of every start.
      "--heartbeat-interval=10",
      "--election-timeout=100",
      "--auto-compaction-mode=periodic",
      "--auto-compaction-retention=30m",
      "--log-level=warn",
    ],
    env: {},
    logFile: join(files.logs, "etcd.log"),
    probe: () =>
      askHealthz(address, ports.etcdClient, "/health", {
        ca: readFileSync(pki.ca.cert),
        cert: readFileSync(pki.server.cert),
        key: readFileSync(pki.server.key),
      }),
    startTimeoutMs: 30_000,
  };
}
