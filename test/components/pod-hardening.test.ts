import { log } from "@pulumi/pulumi";
import { beforeAll, expect, test, vi } from "vitest";
import { partyAsTerraform } from "../support/party-as-terraform.ts";
import { type KubernetesObject, partyObjects } from "../support/party-objects.ts";

let objects: KubernetesObject[];
let terraform: string;
beforeAll(async () => {
  const warn = vi.spyOn(log, "warn").mockResolvedValue();
  objects = await partyObjects();
  terraform = await partyAsTerraform();
  warn.mockRestore();
});

const named = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata.name}`;
const pods = () =>
  objects.flatMap((one) => (one.spec?.template ? [{ of: named(one), ...one.spec.template.spec }] : []));
/** Which of all pods lack something. */
const lacking = (has: (pod: KubernetesObject) => boolean) => [
  ...new Set(
    pods()
      .filter((pod) => !has(pod as never))
      .map(({ of }) => of),
  ),
];

const devicePlugin = "DaemonSet aws-nitro-enclaves-k8s-device-plugin";
const kubeIp = "DaemonSet quorate-kubeip";
const logShipper = "DaemonSet quorate-log-shipper";

test("these are all pods that a party makes without a chart", () => {
  const names = new Set(pods().map(({ of }) => of));
  expect([...names].sort()).toEqual([
    devicePlugin,
    kubeIp,
    logShipper,
    ...["DaemonSet quorate-peer-gate", "Deployment quorate-prober"],
  ]);
});

test("each container drops every capability, writes to no root filesystem, gains no privilege, and has limits", () => {
  for (const { of, containers } of pods())
    for (const { securityContext, resources } of containers) {
      expect([of, securityContext]).toEqual([
        of,
        { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
      ]);
      for (const bound of [resources.requests, resources.limits])
        expect([of, Object.keys(bound).sort()]).toEqual([of, ["cpu", "memory"]]);
    }
});

test("each pod is filtered by seccomp, and none shares a namespace of its node", () => {
  expect(lacking(({ securityContext }) => securityContext?.seccompProfile?.type === "RuntimeDefault")).toEqual([]);
  expect(lacking(({ hostNetwork, hostPID, hostIPC }) => !hostNetwork && !hostPID && !hostIPC)).toEqual([]);
});

test("root are the device plugin, whose sockets lie in a directory of root's, and the log shipper, as logs are; of the node only the plugin writes, and nowhere else", () => {
  const roots = [devicePlugin, logShipper];
  expect(
    lacking(
      ({ securityContext }) => securityContext?.runAsNonRoot === true && securityContext.runAsUser >= 10_000,
    ).sort(),
  ).toEqual(roots);
  expect(lacking(({ volumes = [] }) => !volumes.some((volume: object) => "hostPath" in volume)).sort()).toEqual(roots);
  const writable = pods().flatMap(({ of, containers: [{ volumeMounts = [] }], volumes = [] }) => {
    const ofNode = new Set(volumes.flatMap((volume: KubernetesObject) => (volume.hostPath ? [volume.name] : [])));
    const mounts = volumeMounts.filter(({ name, readOnly }: KubernetesObject) => ofNode.has(name) && !readOnly);
    return mounts.map(({ mountPath }: KubernetesObject) => `${of} ${mountPath}`);
  });
  expect(writable).toEqual([`${devicePlugin} /var/lib/kubelet/device-plugins`]);
});

test("only KubeIP has a token for the API server; no other account gives one to its pods", () => {
  expect(lacking(({ automountServiceAccountToken }) => automountServiceAccountToken === false)).toEqual([kubeIp]);
  const accounts = objects.filter((one) => one.kind === "ServiceAccount");
  const giving = accounts.filter((one) => one.automountServiceAccountToken !== false);
  expect(accounts.length).toBeGreaterThan(3);
  expect(giving.map(named)).toEqual(["ServiceAccount quorate-kubeip"]);
});

test("no role has a wildcard, or reads secrets", () => {
  const rules = objects.filter(({ kind }) => /Role$/.test(kind)).flatMap((role) => role.rules);
  expect(rules.length).toBeGreaterThan(10);
  for (const { apiGroups, resources, verbs } of rules)
    for (const word of [...apiGroups, ...resources, ...verbs]) expect(["*", "secrets"]).not.toContain(word);
});

test("what scanners get of AWS has every bucket, key and database, and what is about a bucket refers to it", () => {
  for (const type of ["aws_s3_bucket", "aws_kms_key", "aws_db_instance", "aws_cloudtrail", "aws_launch_template"])
    expect(terraform).toContain(`resource "${type}" "party-1-`);
  const blocks = terraform.split("\n\n").filter((block) => block.startsWith('resource "aws_s3_bucket_'));
  expect(blocks.length).toBeGreaterThan(12);
  for (const block of blocks) expect(block).toMatch(/^bucket = aws_s3_bucket\.party-1-[a-z-]+\.id$/m);
});
