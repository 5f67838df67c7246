/**
 * How kwok plays a kubelet: one Stage per transition of a Node or Pod, in kwok's own terms. A pod that has been
 * Running once is left alone, so that a condition which devnetd patches stays as it is.
 * @see https://kwok.sigs.k8s.io/docs/user/stages-configuration/
 */

const resources = (field: "allocatable" | "capacity") => `
${field}:
{{ with .status.${field} }}
{{ YAML . 1 }}
{{ else }}
  cpu: "64"
  memory: 128Gi
  pods: "110"
{{ end }}`;

const nodeJoins = `{{ $now := Now }}
{{ $since := or .metadata.creationTimestamp $now }}
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $since | Quote }}
{{ end }}
addresses:
- type: InternalIP
  address: {{ NodeIP | Quote }}
- type: Hostname
  address: {{ NodeName | Quote }}
daemonEndpoints:
  kubeletEndpoint:
    Port: {{ NodePort }}
${resources("allocatable")}
${resources("capacity")}
nodeInfo:
  architecture: amd64
  bootID: ""
  containerRuntimeVersion: containerd://2.0
  kernelVersion: "6.12"
  kubeProxyVersion: ""
  kubeletVersion: {{ printf "kwok-%s" Version }}
  machineID: ""
  operatingSystem: linux
  osImage: Amazon Linux 2023
  systemUUID: ""
phase: Running
`;

const running = `
  started: true
  state:
    running:
      startedAt: {{ $now | Quote }}`;

const completed = `
  state:
    terminated:
      exitCode: 0
      reason: Completed
      startedAt: {{ $now | Quote }}
      finishedAt: {{ $now | Quote }}`;

/** One row for each container of the pod's spec. */
const statuses = (containers: "containers" | "initContainers", state: string) => `
{{ range .spec.${containers} }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: {{ .image | Quote }}
  restartCount: 0
${state}
{{ end }}`;

const podRuns = `{{ $now := Now }}
conditions:
{{ range $type := list "PodReadyToStartContainers" "Initialized" "ContainersReady" "Ready" }}
- type: {{ $type | Quote }}
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
{{ range .spec.readinessGates }}
- type: {{ .conditionType | Quote }}
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
containerStatuses:${statuses("containers", `  ready: true${running}`)}
initContainerStatuses:${statuses(
  "initContainers",
  `  ready: true
  {{ if eq .restartPolicy "Always" }}${running}
  {{ else }}${completed}
  {{ end }}`,
)}
{{ with NodeIPsWith .spec.nodeName }}
hostIP: {{ index . 0 | Quote }}
hostIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
{{ with PodIPsWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) }}
podIP: {{ index . 0 | Quote }}
podIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
phase: Running
startTime: {{ $now | Quote }}
`;

const jobPodEnds = `{{ $now := Now }}
containerStatuses:${statuses("containers", `  ready: false\n  started: false${completed}`)}
phase: Succeeded
`;

const readyStatus = '.status.conditions.[] | select( .type == "Ready" ) | .status';

/** On a node whose kubelet says nothing any more. */
export const kubeletAnnotation = "devnet.quorate/kubelet";
/** On a core's pod whose containers can be made: what a kubelet needs for them is there. */
export const admittedAnnotation = "devnet.quorate/admitted";
/** Label by which a core's pod waits for that. */
export const coreApp = "kms-core";

const annotation = (name: string) => `.metadata.annotations["${name}"]`;
const kubeletWorks: Match = { key: annotation(kubeletAnnotation), operator: "DoesNotExist" };
const appLabel = ".metadata.labels.app";

const stays: Match = { key: ".metadata.deletionTimestamp", operator: "DoesNotExist" };
const inPhase = (phase: string): Match => ({ key: ".status.phase", operator: "In", values: [phase] });
const notReady: Match = { key: readyStatus, operator: "NotIn", values: ["True"] };

interface Match {
  key: string;
  operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  values?: string[];
}

function stage(name: string, kind: "Node" | "Pod", matches: Match[], next: object) {
  return {
    apiVersion: "kwok.x-k8s.io/v1alpha1",
    kind: "Stage",
    metadata: { name },
    spec: {
      resourceRef: { apiGroup: "v1", kind },
      selector: { matchExpressions: matches },
      next,
    },
  };
}

/** All stages, as objects for kwok's configuration file. Pods of Jobs end by themselves, but for those with one of these `app` labels. */
export const stages = (keptJobs: string[]): object[] => [
  stage("node-joins", "Node", [notReady, kubeletWorks], {
    statusTemplate: nodeJoins,
  }),
  stage(
    "pod-runs",
    "Pod",
    [stays, inPhase("Pending"), notReady, { key: appLabel, operator: "NotIn", values: [coreApp] }],
    { statusTemplate: podRuns },
  ),
  stage(
    "core-runs",
    "Pod",
    [
      stays,
      inPhase("Pending"),
      notReady,
      { key: appLabel, operator: "In", values: [coreApp] },
      { key: annotation(admittedAnnotation), operator: "Exists" },
    ],
    { statusTemplate: podRuns },
  ),
  stage(
    "job-pod-ends",
    "Pod",
    [
      stays,
      inPhase("Running"),
      { key: ".metadata.ownerReferences.[].kind", operator: "In", values: ["Job"] },
      ...(keptJobs.length > 0 ? [{ key: appLabel, operator: "NotIn" as const, values: keptJobs }] : []),
    ],
    { statusTemplate: jobPodEnds },
  ),
  stage("pod-goes", "Pod", [{ key: ".metadata.deletionTimestamp", operator: "Exists" }], { delete: true }),
];
