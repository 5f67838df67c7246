import type { AllocatorSize } from "./enclave-allocator.ts";

/** What a node joins: EKS adds it by itself to Amazon's own image, and to no other. */
export interface ClusterToJoin {
  name: string;
  endpoint: string;
  /** Base64 of PEM. */
  certificateAuthorityData: string;
  serviceCidr: string;
  labels: Readonly<Record<string, string>>;
  taints: readonly { key: string; value: string; effect: string }[];
}

/**
 * User data of an enclave node: MIME, as EKS merges it with its own part on AL2023. A custom image has no such part, so the
 * cluster that it joins stands here.
 *
 * Cloud-init runs the script before the kubelet starts, so the node reports the allocator's huge pages from the
 * beginning.
 * The CLI package comes from the repository release that is locked to the AMI: pinning the AMI pins it too.
 * @see https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html#launch-template-user-data
 */
export function enclaveUserData(allocator: AllocatorSize, join?: ClusterToJoin): string {
  const parts = [...(join ? [nodeConfig(join)] : []), allocatorScript(allocator)];
  return `MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="quorate"

${parts.map((part) => `--quorate\n${part}`).join("")}--quorate--
`;
}

function allocatorScript({ cpuCount, memoryMib }: AllocatorSize): string {
  return `Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash
set -euo pipefail
dnf install -y aws-nitro-enclaves-cli
cat > /etc/nitro_enclaves/allocator.yaml <<'ALLOCATOR'
---
memory_mib: ${memoryMib}
cpu_count: ${cpuCount}
ALLOCATOR
systemctl enable nitro-enclaves-allocator.service
systemctl restart nitro-enclaves-allocator.service
`;
}

/**
 * Labels and taints too: without the taint from its first moment on, a node would take pods that it is not for.
 * @see https://awslabs.github.io/amazon-eks-ami/nodeadm/doc/api/
 */
function nodeConfig(join: ClusterToJoin): string {
  const text = JSON.stringify;
  const labels = Object.entries(join.labels).map(([name, value]) => `${name}=${value}`);
  const taints = join.taints.map(({ key, value, effect }) => `${key}=${value}:${effect}`);
  return `Content-Type: application/node.eks.aws

---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: ${text(join.name)}
    apiServerEndpoint: ${text(join.endpoint)}
    certificateAuthority: ${text(join.certificateAuthorityData)}
    cidr: ${text(join.serviceCidr)}
  kubelet:
    flags:
      - ${text(`--node-labels=${labels.join(",")}`)}
      - ${text(`--register-with-taints=${taints.join(",")}`)}
`;
}
