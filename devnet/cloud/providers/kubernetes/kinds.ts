/** One kind of object, and what Pulumi's real provider does about it. */
export interface Kind {
  apiVersion: string;
  kind: string;
  plural: string;
  namespaced: boolean;
  /** Fields that the API server never changes in place. */
  replaces: readonly string[];
  /** Spec fields without which the API server refuses the object. */
  required: readonly string[];
}

const kind = (
  apiVersion: string,
  name: string,
  plural: string,
  rest: { namespaced?: boolean; replaces?: readonly string[]; required?: readonly string[] } = {},
): Kind => ({
  apiVersion,
  kind: name,
  plural,
  namespaced: rest.namespaced ?? true,
  replaces: rest.replaces ?? [],
  required: rest.required ?? [],
});

const workload = ["spec.selector", "spec.template"];

const all: readonly Kind[] = [
  kind("v1", "Namespace", "namespaces", { namespaced: false }),
  kind("v1", "ServiceAccount", "serviceaccounts"),
  // The real provider replaces these two when their content changes, unless it is told that they are mutable.
  kind("v1", "ConfigMap", "configmaps", { replaces: ["data", "binaryData"] }),
  kind("v1", "Secret", "secrets", { replaces: ["type", "data", "stringData"] }),
  kind("v1", "Service", "services", { replaces: ["spec.clusterIP"], required: ["spec"] }),
  kind("apps/v1", "Deployment", "deployments", { replaces: ["spec.selector"], required: workload }),
  kind("apps/v1", "DaemonSet", "daemonsets", { replaces: ["spec.selector"], required: workload }),
  kind("apps/v1", "StatefulSet", "statefulsets", {
    replaces: ["spec.selector", "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates"],
    required: workload,
  }),
  kind("rbac.authorization.k8s.io/v1", "Role", "roles"),
  kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", { namespaced: false }),
  kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", {
    replaces: ["roleRef"],
    required: ["roleRef"],
  }),
  kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", {
    namespaced: false,
    replaces: ["roleRef"],
    required: ["roleRef"],
  }),
  kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", {
    replaces: ["addressType"],
    required: ["addressType", "endpoints"],
  }),
  kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", { required: ["spec"] }),
  kind("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", {
    namespaced: false,
    required: ["spec"],
  }),
  kind("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", {
    namespaced: false,
    required: ["spec"],
  }),
  kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", { required: ["spec"] }),
  // Kinds of operators that a cluster may have; without them its API server does not know the path.
  kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors", { required: ["spec"] }),
  kind("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules", { required: ["spec"] }),
  kind("external-secrets.io/v1", "ExternalSecret", "externalsecrets", { required: ["spec"] }),
];

/** By Pulumi's type token: `kubernetes:core/v1:ConfigMap`. */
export const kinds: ReadonlyMap<string, Kind> = new Map(
  all.map((each) => [
    `kubernetes:${each.apiVersion.includes("/") ? each.apiVersion : `core/${each.apiVersion}`}:${each.kind}`,
    each,
  ]),
);

/** Path of one object, or of the collection where no name is given. */
export function objectPath({ apiVersion, plural, namespaced }: Kind, namespace: string, name?: string): string {
  const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${group}${scope}/${plural}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;
}
