/** What the Nitro Enclaves allocator takes from the node for enclaves. */
export interface AllocatorSize {
  /** Even: an enclave takes whole cores. */
  cpuCount: number;
  memoryMib: number;
}

/**
 * User data of an enclave node: MIME, as EKS merges it with its own part on AL2023.
 *
 * Cloud-init runs the script before the kubelet starts, so the node reports the allocator's huge pages from the
 * beginning.
 * The CLI package comes from the repository release that is locked to the AMI: pinning the AMI pins it too.
 * @see https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html#launch-template-user-data
 */
export function enclaveUserData({ cpuCount, memoryMib }: AllocatorSize): string {
  return `MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="quorate"

--quorate
Content-Type: text/x-shellscript; charset="us-ascii"

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
--quorate--
`;
}
