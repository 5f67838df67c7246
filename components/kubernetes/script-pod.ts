import { createHash } from "node:crypto";
import type * as kubernetes from "@pulumi/kubernetes";

export interface ScriptPodArgs {
  labels: Readonly<Record<string, string>>;
  /** Label and taint of the nodes that it runs on. */
  nodeKey: string;
  /** Text of what it runs. */
  source: string;
  /** ConfigMap with that text. */
  configMapName: string;
  container: kubernetes.types.input.core.v1.Container;
}

/** Template of a pod that runs a script of ours on an enclave node: as nobody, with no token, anew when the script changes. */
export function scriptPod(args: ScriptPodArgs): kubernetes.types.input.core.v1.PodTemplateSpec {
  return {
    metadata: {
      labels: args.labels,
      // A changed script has to reach the pod: mounted files follow their ConfigMap only after a while.
      annotations: { "quorate.dev/script-sha256": createHash("sha256").update(args.source).digest("hex") },
    },
    spec: {
      nodeSelector: { [args.nodeKey]: "true" },
      tolerations: [{ key: args.nodeKey, operator: "Equal", value: "true", effect: "NoSchedule" }],
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        // A number that no account of the node has.
        runAsUser: 65_532,
        runAsGroup: 65_532,
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [args.container],
      volumes: [{ name: "script", configMap: { name: args.configMapName } }],
    },
  };
}
