import { XMLParser } from "fast-xml-parser";
import { describe, expect, test } from "vitest";
import { DoctorReport } from "../../../contract/doctor-report.ts";
import { causes } from "../../../runbooks/zama-kms/causes.ts";
import { diagnose } from "../../../runbooks/zama-kms/diagnose.ts";
import type { DoctorSights } from "../../../runbooks/zama-kms/doctor-sights.ts";
import { renderDoctorJunit, renderDoctorMarkdown, renderDoctorText } from "../../../runbooks/zama-kms/doctor-text.ts";
import { logSignatures } from "../../../runbooks/zama-kms/log-signatures.ts";
import { committedSchema, overJson } from "../../support/committed-schema.ts";
import type { Anything } from "./cluster-objects.ts";
import { cloudOf, says, type Written, writtenSights } from "./doctor-sights.ts";

const told = (report: DoctorReport) =>
  report.causes.map(({ code, party, link }) => `${code} ${link === null ? party : `${link.from}→${link.to}`}`);

async function doctor(written: Written = {}) {
  const report = DoctorReport.parse(diagnose(await writtenSights(written)));
  return { report, told: told(report) };
}

const notReady = (parts: Record<string, Anything>, message = "containers with unready status") => {
  parts.statefulSet.status = {};
  Object.assign(parts.pod.status.conditions[1], { status: "False", reason: "ContainersNotReady", message });
};

const pending = (parts: Record<string, Anything>, message: string) => {
  parts.statefulSet.status = {};
  parts.pod.spec.nodeName = undefined;
  parts.pod.status = {
    phase: "Pending",
    conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }],
  };
};

const crashes = (parts: Record<string, Anything>, reason = "Error") => {
  notReady(parts);
  parts.pod.status.containerStatuses[0] = {
    name: "kms-core-enclave",
    restartCount: 7,
    state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 5m0s restarting failed container" } },
    lastState: { terminated: { reason, exitCode: 1, finishedAt: "2026-11-20T11:58:00Z" } },
  };
};

const kill = { kind: "kill", party: 2 } as const;

test("a network in order has no cause, and everything gave an answer", async () => {
  const { report } = await doctor();
  expect([report.verdict, report.causes, report.unseen, report.findings]).toEqual(["OK", [], [], []]);
  expect(report.looked.map(({ asked, answered }) => asked - answered)).toEqual([0, 0, 0, 0, 0, 0]);
  const alone = await doctor({ mine: [1] });
  expect([alone.report.verdict, alone.told]).toEqual(["OK", []]);
});

const certificateOf = (seen: DoctorSights, id: number) => {
  const own = seen.certificates.parties[id - 1]?.own;
  if (own?.status !== "found") throw new Error("there is none");
  return own.value;
};

/** Cores that wait for their peers in vain, as a core says it. */
const late = (which: (from: number, to: number) => boolean) => (seen: DoctorSights) => {
  for (const { partyId, probe } of seen.links.parties)
    if (probe.status === "replied" && probe.reply.view.status === "answered")
      for (const peer of probe.reply.view.peers)
        if (which(partyId, peer.peerId))
          Object.assign(peer, { reachable: false, latencyMs: 0, error: "Timeout after 300 s" });
};

const positives: [name: string, written: Written, cause: string, certainty: string][] = [
  [
    "the namespace goes",
    {
      cluster: {
        2: ({ namespace }) => {
          namespace.status.phase = "Terminating";
        },
      },
    },
    "NAMESPACE_NOT_ACTIVE 2",
    "proved",
  ],
  [
    "no node",
    {
      faults: [kill],
      cluster: {
        2: (parts) => {
          delete parts.node;
          pending(parts, "no nodes available");
        },
      },
    },
    "NODE_MISSING 2",
    "proved",
  ],
  [
    "the node is lost",
    {
      faults: [kill],
      cluster: {
        2: (parts) => {
          parts.node.status.conditions[1].status = "Unknown";
          notReady(parts);
        },
      },
    },
    "NODE_NOT_READY 2",
    "proved",
  ],
  [
    "a node without its label",
    {
      faults: [kill],
      cluster: {
        2: (parts) => {
          parts.node.metadata.labels = {};
          pending(parts, "didn't match node selector");
        },
      },
    },
    "NODE_LABEL_MISSING 2",
    "proved",
  ],
  [
    "a cordoned node",
    {
      faults: [kill],
      cluster: {
        2: (parts) => {
          parts.node.spec.unschedulable = true;
          pending(parts, "unschedulable");
        },
      },
    },
    "NODE_CORDONED 2",
    "proved",
  ],
  [
    "no device plugin",
    {
      faults: [kill],
      cluster: {
        2: (parts) => {
          delete parts.devicePlugin;
          parts.node.status.allocatable = { cpu: "15" };
          pending(parts, "Insufficient aws.ec2.nitro/nitro_enclaves.");
        },
      },
    },
    "DEVICE_PLUGIN_MISSING 2",
    "proved",
  ],
  [
    "a device plugin nowhere",
    {
      cluster: {
        2: ({ devicePlugin }) => {
          devicePlugin.status = { desiredNumberScheduled: 0 };
        },
      },
    },
    "DEVICE_PLUGIN_NOWHERE 2",
    "proved",
  ],
  [
    "a device plugin that does not run",
    {
      cluster: {
        2: ({ devicePlugin }) => {
          devicePlugin.status.numberReady = 0;
        },
      },
    },
    "DEVICE_PLUGIN_NOT_READY 2",
    "proved",
  ],
  [
    "an allocator that is too small",
    {
      faults: [kill],
      cluster: {
        2: (parts) => {
          parts.node.status.allocatable["hugepages-1Gi"] = "8Gi";
          pending(parts, "Insufficient hugepages-1Gi.");
        },
      },
    },
    "NODE_TOO_SMALL 2",
    "proved",
  ],
  [
    "a ConfigMap is lost",
    {
      faults: [kill],
      cluster: {
        2: (parts) => {
          delete parts.partyMap;
          notReady(parts);
        },
      },
    },
    "CONFIG_MAP_MISSING 2",
    "proved",
  ],
  [
    "a claim without a volume",
    {
      faults: [kill],
      cluster: {
        2: (parts) => {
          parts.claim = {
            kind: "PersistentVolumeClaim",
            metadata: { name: "keys-kms-core-2" },
            status: { phase: "Pending" },
          };
          pending(parts, "unbound claims");
        },
      },
    },
    "VOLUME_NOT_BOUND 2",
    "proved",
  ],
  [
    "no StatefulSet",
    {
      faults: [{ kind: "scale-to-zero", party: 2 }],
      cluster: {
        2: (parts) => {
          delete parts.statefulSet;
          delete parts.pod;
        },
      },
    },
    "STATEFUL_SET_MISSING 2",
    "proved",
  ],
  [
    "scaled to 0",
    {
      faults: [{ kind: "scale-to-zero", party: 2 }],
      cluster: {
        2: (parts) => {
          parts.statefulSet.spec.replicas = 0;
          parts.statefulSet.status = {};
          delete parts.pod;
        },
      },
    },
    "CORE_SCALED_DOWN 2",
    "proved",
  ],
  [
    "two cores",
    {
      cluster: {
        2: ({ statefulSet }) => {
          statefulSet.spec.replicas = 2;
        },
      },
    },
    "CORE_TOO_MANY 2",
    "proved",
  ],
  [
    "a core that is withheld",
    { faults: [kill], change: ({ links }) => void Object.assign(links.parties[1] ?? {}, { coreWithheld: true }) },
    "CORE_WITHHELD 2",
    "proved",
  ],
  [
    "an image that can not be had",
    {
      faults: [kill],
      cluster: {
        2: (parts) => {
          notReady(parts);
          parts.pod.status.containerStatuses[0].state = { waiting: { reason: "ImagePullBackOff" } };
        },
      },
    },
    "IMAGE_NOT_PULLED 2",
    "proved",
  ],
  [
    "killed for want of memory",
    { faults: [kill], cluster: { 2: (parts) => crashes(parts, "OOMKilled") } },
    "POD_OUT_OF_MEMORY 2",
    "proved",
  ],
  [
    "outside an enclave",
    {
      cluster: {
        2: ({ pod }) => {
          pod.spec.containers[0].name = "kms-core";
        },
      },
    },
    "ENCLAVE_MISSING 2",
    "proved",
  ],
  [
    "no enclave device",
    {
      cluster: {
        2: ({ pod }) => {
          pod.spec.containers[0].volumeMounts = [];
        },
      },
    },
    "ENCLAVE_DEVICE_MISSING 2",
    "proved",
  ],
  [
    "no enclave",
    {
      faults: [kill],
      cluster: { 2: (parts) => notReady(parts) },
      change: (seen) => says(seen, 2, { signature: "enclave-not-started" }),
    },
    "ENCLAVE_STOPPED 2",
    "likely",
  ],
  [
    "no tunnel",
    {
      faults: [kill],
      cluster: { 2: (parts) => notReady(parts) },
      change: (seen) => says(seen, 2, { signature: "tunnel-down" }),
    },
    "ENCLAVE_TUNNEL_DOWN 2",
    "likely",
  ],
  [
    "a clock ahead, by its log",
    {
      change: (seen) => {
        const logs = seen.closer[1]?.logs;
        if (logs?.status === "seen") logs.value.aheadSeconds = 7_200;
      },
    },
    "CLOCK_SKEW 2",
    "proved",
  ],
  [
    "a clock ahead, by its certificate",
    {
      faults: [{ kind: "skew-clock", party: 2 }],
      change: ({ links }) => {
        for (const { probe } of links.parties)
          if (probe.status === "replied")
            for (const one of probe.reply.links)
              if (one.certificate)
                Object.assign(one.certificate, {
                  notBefore: "2026-11-20T20:55:00.000Z",
                  notAfter: "2026-11-21T20:55:00.000Z",
                });
      },
    },
    "CLOCK_SKEW 2",
    "proved",
  ],
  [
    "a role that AWS does not give",
    {
      faults: [kill],
      cluster: { 2: (parts) => crashes(parts) },
      change: (seen) => says(seen, 2, { signature: "role-not-assumed", previous: true }),
    },
    "ROLE_NOT_ASSUMED 2",
    "likely",
  ],
  [
    "a vault that does not let in",
    {
      faults: [kill],
      cluster: { 2: (parts) => crashes(parts) },
      change: (seen) => says(seen, 2, { signature: "vault-denied" }),
    },
    "VAULT_DENIED 2",
    "possible",
  ],
  [
    "a key that does not unseal",
    {
      faults: [kill],
      cluster: { 2: (parts) => crashes(parts) },
      change: (seen) => says(seen, 2, { signature: "data-key-refused" }),
    },
    "PCR_NOT_IN_KEY_POLICY 2",
    "likely",
  ],
  [
    "an enclave that is not attested",
    {
      faults: [kill],
      cluster: { 2: (parts) => crashes(parts) },
      change: (seen) => says(seen, 2, { signature: "not-attested" }),
    },
    "ENCLAVE_NOT_ATTESTED 2",
    "likely",
  ],
  [
    "no map of epochs",
    {
      faults: [kill],
      cluster: { 2: (parts) => crashes(parts) },
      change: (seen) => says(seen, 2, { signature: "migration-map" }),
    },
    "MIGRATION_MAP_MISSING 2",
    "likely",
  ],
  [
    "no signing key",
    { change: (seen) => says(seen, 2, { signature: "recovery-mode" }) },
    "SIGNING_KEY_MISSING 2",
    "likely",
  ],
  [
    "public material that does not fit",
    {
      faults: [kill],
      cluster: { 2: (parts) => crashes(parts) },
      change: (seen) => says(seen, 2, { signature: "public-material" }),
    },
    "PUBLIC_MATERIAL_WRONG 2",
    "likely",
  ],
  [
    "a configuration that is refused",
    {
      faults: [kill],
      cluster: { 2: (parts) => crashes(parts) },
      change: (seen) => says(seen, 2, { signature: "configuration-refused" }),
    },
    "CONFIGURATION_REFUSED 2",
    "likely",
  ],
  [
    "no CA certificate",
    {
      change: (seen) => {
        ((seen.certificates.parties[1] ?? {}) as Anything).own = { status: "absent" };
      },
    },
    "CA_CERTIFICATE_NOT_PUBLISHED 2",
    "proved",
  ],
  [
    "a CA certificate that is none",
    {
      change: (seen) => {
        ((seen.certificates.parties[1] ?? {}) as Anything).own = { status: "unreadable", detail: "two objects" };
      },
    },
    "CA_CERTIFICATE_UNREADABLE 2",
    "proved",
  ],
  [
    "another name in the CA certificate",
    {
      faults: [kill],
      change: (seen) => {
        certificateOf(seen, 2).commonName = "kms-core-2";
      },
    },
    "CA_CERTIFICATE_NAME_WRONG 2",
    "proved",
  ],
  [
    "a CA certificate that may not sign",
    {
      change: (seen) => {
        certificateOf(seen, 2).authority = false;
      },
    },
    "CA_CERTIFICATE_NO_AUTHORITY 2",
    "proved",
  ],
  [
    "a CA certificate of another key",
    {
      change: (seen) => {
        certificateOf(seen, 2).curve = "prime256v1";
      },
    },
    "CA_CERTIFICATE_KEY_WRONG 2",
    "proved",
  ],
  [
    "a CA certificate that ran out",
    {
      change: (seen) => {
        certificateOf(seen, 2).notAfter = "2026-01-01T00:00:00.000Z";
      },
    },
    "CA_CERTIFICATE_EXPIRED 2",
    "proved",
  ],
  [
    "a new CA certificate",
    {
      change: (seen) => {
        certificateOf(seen, 2).sha256 = "9".repeat(64);
      },
    },
    "CA_CERTIFICATE_ROTATED 2",
    "proved",
  ],
  [
    "a copy that is lost",
    {
      faults: [{ kind: "lose-ca", from: 2, to: 3 }],
      change: (seen) => {
        ((seen.certificates.parties[1]?.copies[1] ?? {}) as Anything).copy = { status: "absent" };
      },
    },
    "CA_COPY_MISSING 2→3",
    "proved",
  ],
  [
    "a copy that is none",
    {
      change: (seen) => {
        ((seen.certificates.parties[1]?.copies[1] ?? {}) as Anything).copy = {
          status: "unreadable",
          detail: "two",
        };
      },
    },
    "CA_COPY_UNREADABLE 2→3",
    "proved",
  ],
  [
    "a copy of something else",
    {
      change: (seen) => {
        const copy = seen.certificates.parties[1]?.copies[1]?.copy;
        if (copy?.status === "found") copy.value = { ...copy.value, sha256: "8".repeat(64) };
      },
    },
    "CA_COPY_DIFFERS 2→3",
    "proved",
  ],
  [
    "a release that nobody trusts",
    { faults: [{ kind: "wrong-release", party: 2 }] },
    "RELEASE_NOT_TRUSTED 2",
    "proved",
  ],
  [
    "another manifest",
    { change: ({ links }) => void Object.assign(links.parties[1] ?? {}, { manifestDigest: "sha256:1" }) },
    "MANIFEST_DIFFERS 2",
    "proved",
  ],
  [
    "no list of releases",
    { change: (seen) => says(seen, 2, { signature: "attestation-skipped" }) },
    "ATTESTATION_SKIPPED 2",
    "likely",
  ],
  ["no TLS", { change: (seen) => says(seen, 2, { signature: "plaintext" }) }, "TLS_OFF 2", "likely"],
  [
    "a certificate that was not renewed",
    {
      faults: [{ kind: "expire-cert", party: 2 }],
      change: (seen) => says(seen, 2, { signature: "certificate-not-renewed" }),
    },
    "CERTIFICATE_EXPIRED 2",
    "proved",
  ],
  [
    "no CA certificate to verify a peer with",
    { faults: [{ kind: "lose-ca", from: 2, to: 3 }] },
    "CA_CERTIFICATE_MISSING 2→3",
    "proved",
  ],
  [
    "no pod",
    {
      faults: [kill],
      cluster: {
        2: (parts) => {
          parts.statefulSet.status = {};
          delete parts.pod;
        },
      },
    },
    "POD_MISSING 2",
    "proved",
  ],
  [
    "a pod without a place",
    { faults: [kill], cluster: { 2: (parts) => pending(parts, "0/1 nodes are available") } },
    "POD_PENDING 2",
    "proved",
  ],
  [
    "a pod that crashes, and nobody says why",
    { faults: [kill], cluster: { 2: (parts) => crashes(parts) } },
    "POD_CRASHES 2",
    "proved",
  ],
  ["a core that is dead", { faults: [kill], cluster: { 2: (parts) => notReady(parts) } }, "PARTY_DOWN 2", "likely"],
  [
    "a core that hangs",
    { faults: [{ kind: "hang", party: 2 }], cluster: { 2: (parts) => notReady(parts) } },
    "PARTY_HUNG 2",
    "likely",
  ],
  [
    "another party's core",
    {
      change: ({ links }) => {
        const probe = links.parties[1]?.probe;
        if (probe?.status === "replied" && probe.reply.view.status === "answered") probe.reply.view.myPartyId = 3;
      },
    },
    "HEALTH_OF_ANOTHER_PARTY 2",
    "proved",
  ],
  ["a pod that is not ready, and serves", { cluster: { 2: (parts) => notReady(parts) } }, "POD_NOT_READY 2", "proved"],
  ["a name that is lost", { faults: [{ kind: "revoke", from: 2, to: 3 }] }, "PEER_NAME_MISSING 2→3", "proved"],
  ["a link that is cut", { faults: [{ kind: "cut", from: 2, to: 3 }] }, "LINK_DOWN 2→3", "likely"],
  [
    "a core that nobody accepts",
    { faults: [1, 3, 4].map((to) => ({ kind: "refuse", from: 2, to }) as const) },
    "NOT_ACCEPTED 2",
    "likely",
  ],
  [
    "a core that accepts nobody",
    { faults: [1, 3, 4].map((from) => ({ kind: "refuse", from, to: 2 }) as const) },
    "ACCEPTS_NOBODY 2",
    "likely",
  ],
  ["a core that waits for everybody in vain", { change: late((from) => from === 2) }, "NOT_ANSWERED 2", "possible"],
  ["a core that answers nobody in time", { change: late((_, to) => to === 2) }, "ANSWERS_NOBODY 2", "likely"],
  [
    "a core that waits for one peer in vain",
    { change: late((from, to) => from === 1 && to === 2) },
    "NOT_ANSWERED 2",
    "possible",
  ],
  [
    "nothing that gets out",
    { faults: [1, 3, 4].map((to) => ({ kind: "cut", from: 2, to }) as const) },
    "OUTBOUND_BLOCKED 2",
    "likely",
  ],
  [
    "nobody that gets in",
    { faults: [1, 3, 4].map((from) => ({ kind: "cut", from, to: 2 }) as const) },
    "PARTY_UNREACHABLE 2",
    "likely",
  ],
  ["a core without health", { faults: [{ kind: "mute", party: 2 }] }, "CORE_SILENT 2", "likely"],
  ["no PRSS", { change: (seen) => says(seen, 2, { signature: "prss-not-set-up" }) }, "PRSS_MISSING 2", "likely"],
  [
    "a rate limiter that is used up",
    {
      change: (seen) => {
        const pages = seen.closer[1]?.pages;
        if (pages?.status === "seen") pages.value.rateLimiter = { used: 50_000, bucket: 50_000 };
      },
    },
    "RATE_LIMITED 2",
    "proved",
  ],
  [
    "a session that is gone",
    { change: (seen) => says(seen, 2, { signature: "session-unknown" }) },
    "SESSION_UNKNOWN 2",
    "likely",
  ],
  [
    "an older configuration",
    {
      cluster: {
        2: ({ pod }) => {
          pod.metadata.annotations["checksum/config"] = "ffff";
        },
      },
    },
    "CONFIG_NOT_APPLIED 2",
    "proved",
  ],
  [
    "a restart of late",
    {
      cluster: {
        2: ({ pod }) =>
          void Object.assign(pod.status.containerStatuses[0], {
            restartCount: 1,
            lastState: { terminated: { reason: "Error", exitCode: 1, finishedAt: "2026-11-20T11:55:00Z" } },
          }),
      },
      change: (seen) => says(seen, 2, { signature: "session-unknown" }),
    },
    "POD_RESTARTED 2",
    "proved",
  ],
  [
    "no logger",
    { cluster: { 2: ({ pod }) => void pod.spec.initContainers.pop() } },
    "ENCLAVE_LOGGER_MISSING 2",
    "proved",
  ],
  [
    "a logger that stopped",
    {
      cluster: {
        2: ({ pod }) => {
          pod.status.initContainerStatuses[1].state = { waiting: {} };
        },
      },
    },
    "ENCLAVE_LOGGER_STOPPED 2",
    "proved",
  ],
  [
    "no probe",
    { cluster: { 2: ({ pod }) => void delete pod.spec.containers[0].livenessProbe } },
    "PROBE_MISSING 2",
    "proved",
  ],
  [
    "no taint",
    {
      cluster: {
        2: ({ node }) => {
          node.spec = {};
        },
      },
    },
    "NODE_TAINT_MISSING 2",
    "proved",
  ],
  [
    "an endpoint that is gone",
    {
      faults: [{ kind: "cut", from: 2, to: 3 }],
      change: (seen) => {
        cloudOf(seen, 2).endpoints.splice(1, 1);
      },
    },
    "ENDPOINT_MISSING 2→3",
    "proved",
  ],
  [
    "an endpoint that waits, without a name",
    {
      faults: [{ kind: "revoke", from: 2, to: 3 }],
      change: (seen) => {
        Object.assign(cloudOf(seen, 2).endpoints[1] ?? {}, { state: "pendingAcceptance" });
      },
    },
    "ENDPOINT_PENDING 2→3",
    "proved",
  ],
  [
    "an endpoint that waits, seen by whom it waits for",
    {
      mine: [3],
      faults: [{ kind: "cut", from: 2, to: 3 }],
      change: (seen) => {
        cloudOf(seen, 3).connections.push({
          endpointId: "vpce-23",
          ownerAccount: "100000000002",
          state: "pendingAcceptance",
        });
      },
    },
    "ENDPOINT_PENDING 2→3",
    "proved",
  ],
  [
    "an endpoint that was rejected",
    {
      faults: [{ kind: "cut", from: 2, to: 3 }],
      change: (seen) => {
        Object.assign(cloudOf(seen, 2).endpoints[1] ?? {}, { state: "rejected" });
      },
    },
    "ENDPOINT_REFUSED 2→3",
    "proved",
  ],
  [
    "a security group that is closed",
    {
      faults: [{ kind: "cut", from: 2, to: 3 }],
      change: (seen) => {
        Object.assign(cloudOf(seen, 2).endpoints[1] ?? {}, { securityGroupIds: ["sg-narrowed"] });
      },
    },
    "SECURITY_GROUP_CLOSED 2→3",
    "proved",
  ],
  [
    "a firewall that shuts one address out",
    {
      faults: [{ kind: "cut", from: 2, to: 3 }],
      change: (seen) => {
        seen.network.transport = "kubeip";
        for (const party of seen.network.parties) party.addresses = [`198.51.100.${party.partyId}`];
        for (const id of [1, 2, 3, 4])
          cloudOf(seen, id).rules.splice(
            0,
            1,
            ...[1, 2, 3, 4]
              .filter((from) => id !== 3 || from !== 2)
              .map((from) => ({
                groupId: "sg",
                of: "nodes" as const,
                direction: "in" as const,
                others: `198.51.100.${from}/32`,
                fromPort: 50_001,
                toPort: 50_001,
              })),
          );
      },
    },
    "SECURITY_GROUP_CLOSED 2→3",
    "proved",
  ],
  [
    "a key policy without the enclave",
    {
      faults: [kill],
      cluster: { 2: (parts) => crashes(parts) },
      change: (seen) => {
        cloudOf(seen, 2).key.pcr0s = ["a".repeat(96)];
        says(seen, 2, { signature: "data-key-refused" });
      },
    },
    "PCR_NOT_IN_KEY_POLICY 2",
    "proved",
  ],
  [
    "a role that trusts somebody else",
    {
      faults: [kill],
      cluster: { 2: (parts) => crashes(parts) },
      change: (seen) => {
        cloudOf(seen, 2).trust.subjects = ["system:serviceaccount:kms-decentralized-before:mpc-party"];
        says(seen, 2, { signature: "vault-denied" });
      },
    },
    "ROLE_NOT_ASSUMED 2",
    "proved",
  ],
  [
    "a vault whose policy keeps the core out",
    {
      faults: [kill],
      cluster: { 2: (parts) => crashes(parts) },
      change: (seen) => {
        const refuses = [{ action: "s3:PutObject", statement: "RoleRefused" }];
        cloudOf(seen, 2).vaultPolicies.private = { status: "seen", value: { refuses, unclear: [] } };
        says(seen, 2, { signature: "vault-denied" });
      },
    },
    "VAULT_DENIED 2",
    "proved",
  ],
  [
    "a vault that is not there",
    {
      change: (seen) => {
        cloudOf(seen, 2).vaults.private = { status: "seen", value: "missing" };
      },
    },
    "VAULT_DENIED 2",
    "proved",
  ],
];

describe("each cause is named by itself, with whose it is", () => {
  test.each(positives)("%s", async (_name, written, cause, certainty) => {
    const { report, told: found } = await doctor(written);
    expect(found).toEqual([cause]);
    expect(report.verdict).toBe("FAIL");
    const [first] = report.causes;
    expect(first?.certainty).toBe(certainty);
    expect(first?.evidence.length).toBeGreaterThan(0);
    expect(first?.next).not.toBe("");
    expect(report.findings).toHaveLength(1);
  });
});

test("each cause of the tree has a case above, and those that others bring along have one below", () => {
  const cased = new Set(positives.map(([, , cause]) => cause.split(" ")[0]));
  const untested = causes.map(({ code }) => code).filter((code) => !cased.has(code));
  expect(untested.toSorted()).toEqual([
    "CERTIFICATE_WRONG",
    "CONTRADICTED",
    "CORE_NOT_READY",
    "LINK_SLOW",
    "RELEASE_LIST_STALE",
    "WARNINGS",
  ]);
});

test("every signature speaks for a cause of the tree, and a cause explains only what stands after it", () => {
  const codes = causes.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
  expect(logSignatures.filter(({ cause }) => !codes.includes(cause))).toEqual([]);
  expect(new Set(logSignatures.map(({ id }) => id)).size).toBe(logSignatures.length);
  const wrong = causes.flatMap(({ code, explains }) =>
    explains.filter((other) => codes.indexOf(other) === -1).map((other) => `${code} explains ${other}`),
  );
  expect(wrong).toEqual([]);
});

test.each(logSignatures.filter(({ over }) => over === "never"))(
  "what is expected is said for a line of $id",
  async ({ id, cause, expected }) => {
    const { report } = await doctor({ change: (seen) => says(seen, 2, { signature: id }) });
    expect(report.causes.map((one) => [one.code, one.expected])).toEqual([[cause, expected]]);
  },
);

test("whoever sees an endpoint wait, the command that accepts it names the service and the endpoint", async () => {
  const pending = (seen: DoctorSights, party: number) => {
    const [endpoint] = cloudOf(seen, 2).endpoints.filter(({ peerId }) => peerId === 3);
    if (party === 2 && endpoint) endpoint.state = "pendingAcceptance";
    if (party === 3)
      cloudOf(seen, 3).connections.push({
        ...{ endpointId: "vpce-23", ownerAccount: "100000000002", state: "pendingAcceptance" },
      });
  };
  for (const party of [2, 3]) {
    const { report } = await doctor({
      faults: [{ kind: "revoke", from: 2, to: 3 }],
      change: (seen) => pending(seen, party),
    });
    expect(report.causes[0]?.next).toContain("--service-id vpce-svc-3 --vpc-endpoint-ids vpce-23;");
  }
});

test("what was changed behind a stack's back is found by a refresh of that stack, by its name", async () => {
  const next = async (stack: string | null, signature: string) => {
    const change = (seen: DoctorSights) => {
      for (const { partyId, facts } of seen.closer) if (partyId === 2) facts.stack = stack;
      says(seen, 2, { signature });
    };
    const { report } = await doctor({ faults: [kill], change, cluster: { 2: notReady } });
    return report.causes[0]?.next;
  };
  const then = "npx quorate preview --party 2, and: npx quorate up --party 2";
  for (const signature of ["vault-refused", "vault-denied", "data-key-refused"]) {
    const command = "pulumi refresh -s party-2-testnet, for what was changed behind the stack's back; then:";
    expect(await next("party-2-testnet", signature)).toBe(`${command} ${then}`);
  }
  expect(await next(null, "vault-refused")).toContain("pulumi refresh -s <stack of party 2>, ");
});

test("a link that is slow one way only is named; where all are slow the machine is busy", async () => {
  const slow = (ms: number, which: (from: number, to: number) => boolean) => (seen: DoctorSights) => {
    for (const { partyId, probe } of seen.links.parties) {
      if (probe.status !== "replied" || probe.reply.view.status !== "answered") continue;
      for (const one of probe.reply.links) if (which(partyId, one.peerId)) one.tlsMs = ms;
      for (const peer of probe.reply.view.peers) if (which(partyId, peer.peerId)) peer.latencyMs = ms;
    }
  };
  expect((await doctor({ change: slow(400, (from, to) => from === 2 && to === 3) })).told).toEqual(["LINK_SLOW 2→3"]);
  expect((await doctor({ change: slow(400, () => true) })).told).toEqual([]);
  expect((await doctor({ change: slow(400, (from, to) => from === 2 || to === 3) })).told).toEqual([]);
  // A party that is far away is slow both ways.
  expect((await doctor({ change: slow(400, (from, to) => from === 3 || to === 3) })).told).toEqual([]);
});

describe("one fault is one cause", () => {
  test("a pod without room explains every link to the party, and what its own cluster and log say", async () => {
    const { report, told: found } = await doctor({
      faults: [{ kind: "unschedulable", party: 2 }],
      cluster: {
        2: (parts) => {
          parts.node.status.allocatable["hugepages-1Gi"] = "8Gi";
          pending(parts, "0/1 nodes are available: 1 Insufficient hugepages-1Gi.");
        },
      },
    });
    expect(found).toEqual(["NODE_TOO_SMALL 2"]);
    const [cause] = report.causes;
    expect(cause?.explains.map(({ code }) => code)).toEqual([
      "POD_PENDING",
      "PARTY_DOWN",
      "CORE_NOT_READY",
      "ENCLAVE_LOGGER_STOPPED",
    ]);
    expect(cause?.explains.flatMap(({ links }) => links.map(({ to }) => to))).toContain(2);
    expect(new Set(cause?.evidence.map(({ source }) => source))).toEqual(new Set(["cluster", "links"]));
  });

  test("two faults of two parties are two causes", async () => {
    const { told: found } = await doctor({
      faults: [kill, { kind: "cut", from: 3, to: 4 }],
      cluster: { 2: (parts) => crashes(parts, "OOMKilled") },
    });
    expect(found).toEqual(["POD_OUT_OF_MEMORY 2", "LINK_DOWN 3→4"]);
  });

  test("two faults of one pair, one for each direction, are two causes", async () => {
    const { told: found } = await doctor({
      faults: [
        { kind: "revoke", from: 1, to: 2 },
        { kind: "revoke", from: 2, to: 1 },
      ],
      change: (seen) => {
        Object.assign(cloudOf(seen, 1).endpoints[0] ?? {}, { state: "pendingAcceptance" });
      },
    });
    expect(found).toEqual(["ENDPOINT_PENDING 1→2", "PEER_NAME_MISSING 2→1"]);
  });

  // Whatever a root cause brings along, it stays the first.
  const consequences: ((seen: DoctorSights) => void)[] = [
    (seen) => says(seen, 2, { signature: "configuration-refused" }),
    (seen) => says(seen, 2, { signature: "enclave-not-started" }),
    (seen) => says(seen, 2, { signature: "crash-loop" }),
    (seen) => says(seen, 1, { signature: "session-unknown", peer: 2 }),
    (seen) => says(seen, 3, { signature: "certificate-refused", peer: 2 }),
    (seen) => says(seen, 2, { signature: "session-unknown" }),
  ];
  const roots: [string, Written][] = positives
    .filter(([, { faults }]) => faults?.some((fault) => fault === kill))
    .filter(([, , cause]) => !/PARTY_DOWN|POD_|CONFIGURATION|ENCLAVE_STOPPED/.test(cause))
    .map(([name, written]) => [name, written]);
  test.each(roots)("%s stays the first cause, whatever it brings along", async (_name, written) => {
    const [root] = (await doctor(written)).told;
    for (let set = 1; set < 2 ** consequences.length; set += 5) {
      const more = consequences.filter((_, index) => set & (1 << index));
      const change = (seen: DoctorSights) => {
        written.change?.(seen);
        for (const add of more) add(seen);
      };
      expect((await doctor({ ...written, change })).told[0], `with ${more.length} more`).toBe(root);
    }
  });
});

describe("what gives no answer is never green", () => {
  const silences: [string, (seen: DoctorSights) => void][] = [
    ["links", ({ links }) => Object.assign(links.parties[1] ?? {}, { probe: { status: "unknown", reason: "gone" } })],
    ["logs", ({ closer }) => Object.assign(closer[1] ?? {}, { logs: { status: "unknown", reason: "gone" } })],
    ["http", ({ closer }) => Object.assign(closer[1] ?? {}, { pages: { status: "unknown", reason: "gone" } })],
    [
      "cluster",
      ({ clusters }) => Object.assign(clusters.parties[1] ?? {}, { pod: { status: "unknown", reason: "gone" } }),
    ],
    [
      "cluster",
      ({ clusters }) => Object.assign(clusters.parties[1] ?? {}, { nodes: { status: "unknown", reason: "gone" } }),
    ],
    [
      "cloud",
      (seen) => Object.assign(seen.closer[1]?.cloud ?? {}, { keyPolicy: { status: "unknown", reason: "gone" } }),
    ],
    [
      "cloud",
      (seen) =>
        Object.assign(seen.closer[1]?.cloud?.vaultPolicies ?? {}, { private: { status: "unknown", reason: "gone" } }),
    ],
    [
      "certificates",
      ({ certificates }) =>
        Object.assign(certificates.parties[1] ?? {}, { own: { status: "unknown", reason: "gone" } }),
    ],
    [
      "logs",
      ({ closer }) => {
        const logs = closer[1]?.logs;
        if (logs?.status === "seen") logs.value.unreadable.push({ container: "kms-core-enclave", reason: "gone" });
      },
    ],
  ];

  test.each(silences)("%s", async (source, change) => {
    const { report } = await doctor({ change });
    expect([report.verdict, report.causes]).toEqual(["UNKNOWN", []]);
    expect(report.unseen).toContainEqual(expect.objectContaining({ party: 2, source }));
    expect(report.looked.find((one) => one.source === source)).toMatchObject({ asked: 4, answered: 3 });
    expect(report.parties[1]?.verdict).toBe("UNKNOWN");
  });

  test("an answer that is taken away makes nothing green that was not", async () => {
    for (const [name, written] of positives) {
      const seen = await writtenSights(written);
      for (const [source, silence] of silences) {
        const less = structuredClone(seen);
        silence(less);
        expect(diagnose(less).verdict, `${name} without ${source}`).not.toBe("OK");
      }
    }
  });

  test("where no core runs, its pages need no telling", async () => {
    const { report } = await doctor({
      faults: [kill],
      cluster: { 2: (parts) => notReady(parts) },
      change: (seen) => silences[2]?.[1](seen),
    });
    expect([report.verdict, report.unseen]).toEqual(["FAIL", []]);
  });
});

describe("a line of a log is history", () => {
  test.each<[string, Written]>([
    [
      "of a start, once the pod is Ready",
      { change: (seen) => says(seen, 2, { signature: "data-key-refused", at: "2026-11-20T10:00:00Z" }) },
    ],
    [
      "of the run before, once the pod is Ready",
      { change: (seen) => says(seen, 2, { signature: "data-key-refused", previous: true }) },
    ],
    ["of links that are up", { change: (seen) => says(seen, 1, { signature: "attestation-refused", peer: 2 }) }],
    [
      "of an hour ago",
      { change: (seen) => says(seen, 2, { signature: "session-unknown", at: "2026-11-20T11:00:00Z" }) },
    ],
    ["of a rate limiter that has room again", { change: (seen) => says(seen, 2, { signature: "rate-limited" }) }],
  ])("%s", async (_name, written) => {
    const { report } = await doctor(written);
    expect([report.verdict, report.causes]).toEqual(["OK", []]);
  });

  test("what a log says of what is seen otherwise makes it sure, and is no cause of its own", async () => {
    const { report, told: found } = await doctor({
      faults: [{ kind: "wrong-release", party: 2 }],
      change: (seen) => says(seen, 1, { signature: "attestation-refused", peer: 2, text: "bundled attestation …" }),
    });
    expect(found).toEqual(["RELEASE_NOT_TRUSTED 2"]);
    expect(report.causes[0]?.evidence).toContainEqual({
      source: "logs",
      party: 1,
      line: "kms-core-enclave-logger: bundled attestation …",
    });
  });
});

test("a node on which nothing is ready any more is lost, before Kubernetes says so", async () => {
  const { report, told: found } = await doctor({
    faults: [kill],
    cluster: {
      2: (parts) => {
        notReady(parts);
        parts.devicePlugin.status.numberReady = 0;
      },
    },
  });
  expect(found).toEqual(["NODE_NOT_READY 2"]);
  expect(report.causes[0]?.certainty).toBe("likely");
});

describe("a line of links that names nobody", () => {
  const refused = (seen: DoctorSights) => says(seen, 1, { signature: "certificate-refused" });

  test("is of the one peer that does not work", async () => {
    const { report, told: found } = await doctor({ faults: [{ kind: "expire-cert", party: 2 }], change: refused });
    expect(found).toEqual(["CERTIFICATE_EXPIRED 2"]);
    expect(report.causes[0]?.explains.map(({ code, party }) => `${code} ${party}`)).toEqual(["CERTIFICATE_WRONG 2"]);
  });

  test("is of nobody where several do not work, or none", async () => {
    const faults = [kill, { kind: "expire-cert", party: 3 }] as const;
    const { told: found } = await doctor({ faults, change: refused });
    expect(found.toSorted()).toEqual(["CERTIFICATE_EXPIRED 3", "PARTY_DOWN 2"]);
    expect((await doctor({ change: refused })).report.verdict).toBe("OK");
  });
});

test("a peer that the own prober finds in order is not what an earlier line said, whatever else is down between the two", async () => {
  const refused = (seen: DoctorSights) => says(seen, 3, { signature: "attestation-refused", peer: 2 });
  const { told: found } = await doctor({ faults: [{ kind: "cut", from: 2, to: 3 }], change: refused });
  expect(found).toEqual(["LINK_DOWN 2→3"]);
});

test("a log that misses a CA certificate whose copy is there is history", async () => {
  const missed = (seen: DoctorSights) => says(seen, 1, { signature: "no-trust-anchor", peer: 2 });
  const { told: found } = await doctor({ faults: [{ kind: "expire-cert", party: 2 }], change: missed });
  expect(found).toEqual(["CERTIFICATE_EXPIRED 2"]);
});

test("a restart that is over is no cause of its own, unless it was asked for", async () => {
  const cluster: Written["cluster"] = {
    2: ({ pod }) => {
      Object.assign(pod.status.containerStatuses[0], {
        restartCount: 1,
        lastState: { terminated: { reason: "Error", exitCode: 1, finishedAt: "2026-11-20T11:55:00Z" } },
      });
    },
  };
  expect((await doctor({ cluster })).report.verdict).toBe("OK");
  expect((await doctor({ cluster, symptom: "party 2 restarted" })).told).toEqual(["POD_RESTARTED 2"]);
});

describe("a link that is down is not sent to what AWS shows in order", () => {
  const nextOf = async (given: Written) =>
    (await doctor({ faults: [{ kind: "cut", from: 2, to: 3 }], ...given })).report.causes[0]?.next;

  test("on both sides", async () => {
    const next = await nextOf({});
    expect(next).toContain("AWS shows endpoint, security group and connection in order");
    expect(next).toContain("npx quorate collect --party 2,3");
    expect(next).not.toContain("checks its endpoint");
  });

  test.each<[string, Written]>([
    ["the other side is not one's own", { mine: [2], chosen: [2] }],
    [
      "one of them gave no answer",
      {
        change: (seen) =>
          Object.assign(seen.closer[1]?.cloud ?? {}, { groupRules: { status: "unknown", reason: "gone" } }),
      },
    ],
  ])("but where %s", async (_, given) => {
    expect(await nextOf(given)).toContain("party 2 checks its endpoint and security group for party 3");
  });
});

describe("only what concerns the chosen is told", () => {
  const faults = [{ kind: "cut", from: 2, to: 3 }] as const;
  test.each<[number[], string[]]>([
    [[1], []],
    [[2], ["LINK_DOWN 2→3"]],
    [[3], ["LINK_DOWN 2→3"]],
  ])("of %s", async (chosen, expected) => {
    const { report, told: found } = await doctor({ chosen, faults });
    expect(found).toEqual(expected);
    expect(report.parties.map(({ partyId }) => partyId)).toEqual(chosen);
  });

  test("a party of others is known by its links, from here", async () => {
    const { report, told: found } = await doctor({ mine: [1], chosen: [3], faults: [{ kind: "hang", party: 3 }] });
    expect(found).toHaveLength(1);
    expect(report.causes[0]).toMatchObject({ code: "LINK_DOWN", link: { from: 1, to: 3 } });
    expect(report.parties).toEqual([]);
  });
});

test("a certificate of the future that one party sees is a clock that may be wrong", async () => {
  const { report, told: found } = await doctor({ mine: [1], faults: [{ kind: "skew-clock", party: 3 }] });
  expect(found).toEqual(["CLOCK_SKEW 3"]);
  expect(report.causes[0]?.certainty).not.toBe("proved");
});

describe("words about it", () => {
  const said = async (symptom: string, written: Written = {}) => (await doctor({ symptom, ...written })).report;

  test("name parties and causes, and put first what was meant", async () => {
    const faults = [
      { kind: "cut", from: 1, to: 4 },
      { kind: "hang", party: 3 },
    ] as const;
    const plain = await doctor({ faults });
    expect(plain.told).toEqual(["PARTY_HUNG 3", "LINK_DOWN 1→4"]);
    const report = await said("party 1 can not reach party 4", { faults });
    expect(told(report)).toEqual(["LINK_DOWN 1→4", "PARTY_HUNG 3"]);
    expect(report.symptom).toMatchObject({ parties: [1, 4], unmatched: [] });
    expect(report.causes.map(({ meant }) => meant)).toEqual([true, false]);
  });

  test.each<[string, string]>([
    ["OOMKilled", "POD_OUT_OF_MEMORY"],
    ["unknown session id SessionId(44080023) for from sender", "SESSION_UNKNOWN"],
    ["ERROR Could not decrypt data key: service error", "PCR_NOT_IN_KEY_POLICY"],
    ["No PRSS setup exists", "PRSS_MISSING"],
    ["decryption hangs", "PRSS_MISSING"],
    ["party 3 does not answer", "PARTY_DOWN"],
    ["NODE_NOT_READY", "NODE_NOT_READY"],
    [
      'Error { code: "AccessDenied", message: "User: arn:aws:sts::1:assumed-role/core is not authorized to perform: s3:GetObject" }',
      "VAULT_DENIED",
    ],
  ])("%s means %s, even if it is not so now", async (words, cause) => {
    const report = await said(words);
    expect(report.symptom?.matched).toContainEqual(expect.objectContaining({ cause, found: false }));
    expect([report.verdict, report.symptom?.unmatched]).toEqual(["OK", []]);
  });

  test("that mean nothing are said to", async () => {
    const report = await said("the frobnicator of party 2 wobbles");
    expect(report.symptom).toMatchObject({ parties: [2], matched: [], unmatched: ["frobnicator", "wobbles"] });
    const text = renderDoctorText(report, { colour: false, columns: 80 });
    expect(text).toContain("means nothing here: frobnicator, wobbles");
  });

  test.each<[string, number[]]>([
    ["3→4 is down", [3, 4]],
    ["2 to 3", [2, 3]],
    ["mpc-node-4 is not a trust anchor", [4]],
    ["at 03:12 port 50001 of party 2", [2]],
    ["party 9", []],
    ["2", [2]],
  ])("%s is about %j", async (words, parties) => {
    expect((await said(words)).symptom?.parties).toEqual(parties);
  });
});

describe("the report", () => {
  const written: Written = {
    faults: [
      { kind: "unschedulable", party: 2 },
      { kind: "cut", from: 3, to: 4 },
    ],
    symptom: "party 2 does not answer",
    cluster: { 2: (parts) => pending(parts, "0/1 nodes are available: 1 Insufficient hugepages-1Gi.") },
    change: ({ closer }) =>
      Object.assign(closer[3] ?? {}, { logs: { status: "unknown", reason: "the caller may not do this" } }),
  };

  test.each([60, 80, 120])(
    "fits a terminal of %i columns but for commands, and has no colours where none are wanted",
    async (columns) => {
      const { report } = await doctor(written);
      const text = renderDoctorText(report, { colour: false, columns });
      const long = text.split("\n").filter((line) => line.length > columns && line.trim().split(" ").length > 1);
      expect(long.filter((line) => !/^\s*\S+ +\S+$/.test(line))).toEqual([]);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours begin with
      expect(text).not.toMatch(/\u001b/);
      expect(text).toContain("could not tell");
      expect(renderDoctorText(report, { colour: true, columns })).toContain("\u001b[");
    },
  );

  test("JSON fits the published schema, and JUnit and Markdown have every cause", async () => {
    const fits = await committedSchema("doctor-report");
    for (const each of [{}, written]) {
      const { report } = await doctor(each);
      fits(overJson(report));
      expect(fits.errors).toBe(null);
      const suites = new XMLParser({ ignoreAttributes: false }).parse(renderDoctorJunit(report)).testsuites;
      expect(Number(suites["@_failures"])).toBe(
        report.causes.length + report.parties.filter(({ verdict }) => verdict === "FAIL").length,
      );
      for (const { code } of report.causes) expect(renderDoctorMarkdown(report)).toContain(`**${code}**`);
    }
    const { report } = await doctor();
    expect(fits({ ...report, more: 1 })).toBe(false);
  });
});
