import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { addressesOf, ports } from "../addresses.ts";
import { type DevnetFiles, readIfThere, writeReplaceable } from "../files.ts";
import type { Program } from "../supervision/program.ts";
import { toolPath } from "../tool-path.ts";
import { askHealthz } from "./healthz.ts";
import { KubeClient } from "./kube-client.ts";
import type { EtcdPki, Pair, PartyPki } from "./pki.ts";

/** What the control plane of one party is made from. */
export interface ControlPlane {
  files: DevnetFiles;
  k: number;
  party: number;
  pki: PartyPki;
  etcd: EtcdPki;
  /** Where the API server sends bearer tokens to be judged: the simulated STS. */
  tokenReviewUrl: string;
  /** Issuer of service account tokens, as the party's cloud account knows it. @default the API server itself */
  issuer?: string;
}

/** Only what the objects of a party need: each controller costs start-up time and memory, once per party. */
const controllers = [
  "clusterrole-aggregation-controller",
  "cronjob-controller",
  "daemonset-controller",
  "deployment-controller",
  "disruption-controller",
  "endpoints-controller",
  "endpointslice-controller",
  "garbage-collector-controller",
  "job-controller",
  "namespace-controller",
  "node-lifecycle-controller",
  "pod-garbage-collector-controller",
  "replicaset-controller",
  "root-ca-certificate-publisher-controller",
  "serviceaccount-controller",
  "serviceaccount-token-controller",
  "statefulset-controller",
  "taint-eviction-controller",
  "ttl-after-finished-controller",
];

/** The administrator's kubeconfig of a party. Operators get short-lived ones of their own; this is the devnet's. */
export function adminKubeconfigPath(files: DevnetFiles, party: number): string {
  return join(files.party(party), "admin.kubeconfig");
}

/** Address of a party's API server. */
export function apiServerUrl(k: number, party: number): string {
  return `https://${addressesOf(k).core(party)}:${ports.apiServer}`;
}

/** A client of a party's API server with the administrator's certificate. */
export function adminClient(k: number, party: number, pki: PartyPki): KubeClient {
  return new KubeClient(addressesOf(k).core(party), ports.apiServer, pki.ca.cert, pki.admin);
}

/** Writes the kubeconfigs of a party's control plane, each readable by its owner only. */
export function writeControlPlaneFiles(plane: ControlPlane): void {
  const folder = plane.files.party(plane.party);
  const own = apiServerUrl(plane.k, plane.party);
  for (const [path, user, pair] of [
    [adminKubeconfigPath(plane.files, plane.party), "admin", plane.pki.admin],
    [join(folder, "controller-manager.kubeconfig"), "controller-manager", plane.pki.controllerManager],
    [join(folder, "scheduler.kubeconfig"), "scheduler", plane.pki.scheduler],
  ] as const)
    writeReplaceable(path, kubeconfig(own, plane.pki.ca.cert, user, pair));
  writeReplaceable(
    join(folder, "token-review.kubeconfig"),
    stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "sts", cluster: { server: plane.tokenReviewUrl } }],
      users: [{ name: "apiserver", user: {} }],
      contexts: [{ name: "sts", context: { cluster: "sts", user: "apiserver" } }],
      "current-context": "sts",
    }),
  );
}

/** kube-apiserver of one party. Everything else of the control plane waits for it. */
export function apiServerProgram(plane: ControlPlane): Program {
  const { files, k, party, pki, etcd } = plane;
  const addresses = addressesOf(k);
  const folder = files.party(party);
  return {
    name: `party-${party}/kube-apiserver`,
    command: toolPath("kube-apiserver"),
    args: [
      `--etcd-servers=https://${addresses.etcd}:${ports.etcdClient}`,
      `--etcd-prefix=/party-${party}`,
      `--etcd-cafile=${etcd.ca.cert}`,
      `--etcd-certfile=${pki.etcdClient.cert}`,
      `--etcd-keyfile=${pki.etcdClient.key}`,
      `--bind-address=${addresses.core(party)}`,
      `--secure-port=${ports.apiServer}`,
      // A loopback address is not allowed in the EndpointSlice of the Service `kubernetes`, so nothing writes that one.
      `--advertise-address=10.255.0.${party}`,
      "--endpoint-reconciler-type=none",
      "--service-cluster-ip-range=10.96.0.0/16",
      `--tls-cert-file=${pki.apiServer.cert}`,
      `--tls-private-key-file=${pki.apiServer.key}`,
      `--client-ca-file=${pki.ca.cert}`,
      `--kubelet-certificate-authority=${pki.ca.cert}`,
      `--kubelet-client-certificate=${pki.kubeletClient.cert}`,
      `--kubelet-client-key=${pki.kubeletClient.key}`,
      "--kubelet-preferred-address-types=InternalIP",
      `--service-account-issuer=${plane.issuer ?? apiServerUrl(k, party)}`,
      `--service-account-jwks-uri=${apiServerUrl(k, party)}/openid/v1/jwks`,
      `--service-account-key-file=${pki.serviceAccountKey}`,
      `--service-account-signing-key-file=${pki.serviceAccountKey}`,
      "--authorization-mode=RBAC",
      `--authentication-token-webhook-config-file=${join(folder, "token-review.kubeconfig")}`,
      "--authentication-token-webhook-version=v1",
      "--authentication-token-webhook-cache-ttl=30s",
      "--allow-privileged=true",
      "--profiling=false",
      "--etcd-count-metric-poll-period=0",
      "--etcd-db-metric-poll-interval=0",
      "--shutdown-delay-duration=0s",
      "--v=0",
    ],
    env: { GOGC: "200" },
    logFile: join(folder, "logs", "kube-apiserver.log"),
    probe: () =>
      askHealthz(addresses.core(party), ports.apiServer, "/readyz", {
        ca: readFileSync(pki.ca.cert),
        cert: readFileSync(pki.admin.cert),
        key: readFileSync(pki.admin.key),
      }),
    startTimeoutMs: 90_000,
  };
}

/** kube-controller-manager of one party. */
export function controllerManagerProgram(plane: ControlPlane): Program {
  const { files, k, party, pki } = plane;
  const folder = files.party(party);
  const address = addressesOf(k).core(party);
  return {
    name: `party-${party}/kube-controller-manager`,
    command: toolPath("kube-controller-manager"),
    args: [
      `--kubeconfig=${join(folder, "controller-manager.kubeconfig")}`,
      `--bind-address=${address}`,
      `--secure-port=${ports.controllerManager}`,
      `--tls-cert-file=${pki.apiServer.cert}`,
      `--tls-private-key-file=${pki.apiServer.key}`,
      `--root-ca-file=${pki.ca.cert}`,
      `--service-account-private-key-file=${pki.serviceAccountKey}`,
      `--controllers=${controllers.join(",")}`,
      // A node is lost when somebody says so, and not because nothing beats for it: a beat on its way would bring a lost one back.
      "--node-monitor-grace-period=8760h",
      "--leader-elect=false",
      "--use-service-account-credentials=false",
      "--profiling=false",
      "--kube-api-qps=100",
      "--kube-api-burst=200",
      "--v=0",
    ],
    env: {},
    logFile: join(folder, "logs", "kube-controller-manager.log"),
    probe: () => askHealthz(address, ports.controllerManager),
    startTimeoutMs: 60_000,
  };
}

/** kube-scheduler of one party: without it every pod stays Pending. */
export function schedulerProgram(plane: ControlPlane): Program {
  const { files, k, party, pki } = plane;
  const folder = files.party(party);
  const address = addressesOf(k).core(party);
  return {
    name: `party-${party}/kube-scheduler`,
    command: toolPath("kube-scheduler"),
    args: [
      `--kubeconfig=${join(folder, "scheduler.kubeconfig")}`,
      `--bind-address=${address}`,
      `--secure-port=${ports.scheduler}`,
      `--tls-cert-file=${pki.apiServer.cert}`,
      `--tls-private-key-file=${pki.apiServer.key}`,
      "--leader-elect=false",
      "--profiling=false",
      "--v=0",
    ],
    env: {},
    logFile: join(folder, "logs", "kube-scheduler.log"),
    probe: () => askHealthz(address, ports.scheduler),
    startTimeoutMs: 60_000,
  };
}

function kubeconfig(server: string, caFile: string, user: string, pair: Pair): string {
  const base64 = (path: string) => Buffer.from(readIfThere(path) ?? "").toString("base64");
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "party", cluster: { server, "certificate-authority-data": base64(caFile) } }],
    users: [
      {
        name: user,
        user: { "client-certificate-data": base64(pair.cert), "client-key-data": base64(pair.key) },
      },
    ],
    contexts: [{ name: user, context: { cluster: "party", user } }],
    "current-context": user,
  });
}
