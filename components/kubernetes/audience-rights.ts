/** One rule of an RBAC role. */
export interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

/** Who acts on a party's cluster besides its operators, who may everything. */
export const audiences = ["sre", "break-glass", "ci"] as const;
export type Audience = (typeof audiences)[number];

/** Group in which a cluster knows an audience. */
export function groupOf(audience: Audience): string {
  return `quorate:${audience}`;
}

const look = ["get", "list"];

/** What each audience may in the party's namespace. None of them may read a secret. */
export const namespaceRules: Readonly<Record<Audience, readonly Rule[]>> = {
  // What the runbooks call, and what they tell an SRE to look at; exec is narrowed further.
  sre: [
    {
      apiGroups: [""],
      resources: ["configmaps", "events", "persistentvolumeclaims", "pods", "services"],
      verbs: look,
    },
    { apiGroups: ["apps"], resources: ["deployments", "statefulsets"], verbs: look },
    { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: look },
    { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
    // kubectl opens a connection by POST or, over WebSocket, by GET.
    { apiGroups: [""], resources: ["pods/exec"], verbs: ["create", "get"] },
  ],
  "break-glass": [
    { apiGroups: [""], resources: ["pods", "services", "events", "configmaps"], verbs: look },
    { apiGroups: ["apps"], resources: ["deployments", "statefulsets"], verbs: [...look, "patch"] },
    { apiGroups: ["apps"], resources: ["deployments/scale", "statefulsets/scale"], verbs: ["get", "patch", "update"] },
    { apiGroups: [""], resources: ["pods"], verbs: ["delete"] },
    // By which `kubectl replace --raw` adds a container to a pod whose image has no shell.
    { apiGroups: [""], resources: ["pods/ephemeralcontainers"], verbs: ["update"] },
    { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
    { apiGroups: [""], resources: ["pods/exec"], verbs: ["create", "get"] },
  ],
  ci: [
    { apiGroups: [""], resources: ["configmaps", "pods", "serviceaccounts", "services"], verbs: look },
    { apiGroups: ["apps"], resources: ["deployments", "statefulsets"], verbs: look },
    { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: look },
    { apiGroups: ["policy"], resources: ["poddisruptionbudgets"], verbs: look },
    { apiGroups: ["monitoring.coreos.com"], resources: ["prometheusrules", "servicemonitors"], verbs: look },
    { apiGroups: ["external-secrets.io"], resources: ["externalsecrets"], verbs: look },
    { apiGroups: ["rbac.authorization.k8s.io"], resources: ["rolebindings", "roles"], verbs: look },
  ],
};

/** What runbooks (`sre`) and previews (`ci`) read outside the party's namespace. */
export const clusterRules: Readonly<Partial<Record<Audience, readonly Rule[]>>> = {
  sre: [
    { apiGroups: [""], resources: ["namespaces", "nodes"], verbs: look },
    { apiGroups: ["apps"], resources: ["daemonsets"], verbs: look },
  ],
  ci: [
    { apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
    { apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["get"] },
    {
      apiGroups: ["admissionregistration.k8s.io"],
      resources: ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
      verbs: ["get"],
    },
    { apiGroups: ["rbac.authorization.k8s.io"], resources: ["clusterrolebindings", "clusterroles"], verbs: ["get"] },
  ],
};
