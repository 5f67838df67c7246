import { describe, expect, test } from "vitest";
import { DoctorReport } from "../../../contract/doctor-report.ts";
import { causes } from "../../../runbooks/zama-kms/causes.ts";
import { diagnose } from "../../../runbooks/zama-kms/diagnose.ts";
import type { DoctorSights } from "../../../runbooks/zama-kms/doctor-sights.ts";
import { logSignatures } from "../../../runbooks/zama-kms/log-signatures.ts";
import type { Anything } from "./cluster-objects.ts";
import { says, type Written, writtenSights } from "./doctor-sights.ts";

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

const positives: [name: string, written: Written, cause: string, certainty: string][] = [
  [
    "the namespace goes",
    { cluster: { 2: ({ namespace }) => void (namespace.status.phase = "Terminating") } },
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
    { cluster: { 2: ({ devicePlugin }) => void (devicePlugin.status = { desiredNumberScheduled: 0 }) } },
    "DEVICE_PLUGIN_NOWHERE 2",
    "proved",
  ],
  [
    "a device plugin that does not run",
    { cluster: { 2: ({ devicePlugin }) => void (devicePlugin.status.numberReady = 0) } },
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
    { cluster: { 2: ({ statefulSet }) => void (statefulSet.spec.replicas = 2) } },
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
    { cluster: { 2: ({ pod }) => void (pod.spec.containers[0].name = "kms-core") } },
    "ENCLAVE_MISSING 2",
    "proved",
  ],
  [
    "no enclave device",
    { cluster: { 2: ({ pod }) => void (pod.spec.containers[0].volumeMounts = []) } },
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
    "possible",
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
      faults: [{ kind: "expire-cert", party: 2 }],
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
    { change: (seen) => void (((seen.certificates.parties[1] ?? {}) as Anything).own = { status: "absent" }) },
    "CA_CERTIFICATE_NOT_PUBLISHED 2",
    "proved",
  ],
  [
    "a CA certificate that is none",
    {
      change: (seen) =>
        void (((seen.certificates.parties[1] ?? {}) as Anything).own = { status: "unreadable", detail: "two objects" }),
    },
    "CA_CERTIFICATE_UNREADABLE 2",
    "proved",
  ],
  [
    "another name in the CA certificate",
    { faults: [kill], change: (seen) => void (certificateOf(seen, 2).commonName = "kms-core-2") },
    "CA_CERTIFICATE_NAME_WRONG 2",
    "proved",
  ],
  [
    "a CA certificate that may not sign",
    { change: (seen) => void (certificateOf(seen, 2).authority = false) },
    "CA_CERTIFICATE_NO_AUTHORITY 2",
    "proved",
  ],
  [
    "a CA certificate of another key",
    { change: (seen) => void (certificateOf(seen, 2).curve = "prime256v1") },
    "CA_CERTIFICATE_KEY_WRONG 2",
    "proved",
  ],
  [
    "a CA certificate that ran out",
    { change: (seen) => void (certificateOf(seen, 2).notAfter = "2026-01-01T00:00:00.000Z") },
    "CA_CERTIFICATE_EXPIRED 2",
    "proved",
  ],
  [
    "a new CA certificate",
    { change: (seen) => void (certificateOf(seen, 2).sha256 = "9".repeat(64)) },
    "CA_CERTIFICATE_ROTATED 2",
    "proved",
  ],
  [
    "a copy that is lost",
    {
      faults: [{ kind: "lose-ca", from: 2, to: 3 }],
      change: (seen) =>
        void (((seen.certificates.parties[1]?.copies[1] ?? {}) as Anything).copy = { status: "absent" }),
    },
    "CA_COPY_MISSING 2→3",
    "proved",
  ],
  [
    "a copy that is none",
    {
      change: (seen) =>
        void (((seen.certificates.parties[1]?.copies[1] ?? {}) as Anything).copy = {
          status: "unreadable",
          detail: "two",
        }),
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
    { cluster: { 2: ({ pod }) => void (pod.metadata.annotations["checksum/config"] = "ffff") } },
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
    { cluster: { 2: ({ pod }) => void (pod.status.initContainerStatuses[1].state = { waiting: {} }) } },
    "ENCLAVE_LOGGER_STOPPED 2",
    "proved",
  ],
  [
    "no probe",
    { cluster: { 2: ({ pod }) => void delete pod.spec.containers[0].livenessProbe } },
    "PROBE_MISSING 2",
    "proved",
  ],
  ["no taint", { cluster: { 2: ({ node }) => void (node.spec = {}) } }, "NODE_TAINT_MISSING 2", "proved"],
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
