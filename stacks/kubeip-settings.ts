import { OperatorError } from "../contract/operator-error.ts";
import type { StackConfig } from "../contract/stack-config.ts";
import type { ManifestFile } from "./manifest-file.ts";

/** What a stack file has to say where the network's transport is `kubeip`. */
export function checkKubeIp(config: StackConfig, { manifest, path }: ManifestFile, source: string): void {
  if (manifest.transport !== "kubeip") return;
  const whose = `party ${config.party} (${config.network})`;
  if (config.kubeip === undefined)
    throw new OperatorError({
      code: "KUBEIP_SETTINGS_MISSING",
      what: `${whose}: peers are to reach it by public addresses, and nothing says where its nodes are to lie`,
      found: `no quorate:kubeip in ${source}, and transport: kubeip in ${path}`,
      expected: "quorate:kubeip.publicSubnetIds, public subnets of the cluster's VPC",
      next: `write quorate:kubeip to ${source}`,
    });
  const { allocationIds } = config.kubeip;
  const { maxSize } = config.enclaveNodes;
  if (allocationIds === undefined || allocationIds.length >= maxSize) return;
  throw new OperatorError({
    code: "ADDRESS_POOL_TOO_SMALL",
    what: `${whose}: a node without an address of its own never gets ready for the core`,
    found: `${allocationIds.length} in quorate:kubeip.allocationIds, in ${source}`,
    expected: `at least ${maxSize}, as many as quorate:enclaveNodes.maxSize`,
    next: "add addresses, lower maxSize, or remove allocationIds to have the addresses made",
  });
}

/** What an operator should know of addresses that nobody uses: before a network moves, its stack files are made ready. */
export function kubeIpNotes(
  config: Pick<StackConfig, "kubeip">,
  { manifest, path }: Pick<ManifestFile, "manifest" | "path">,
  source: string,
): string[] {
  if (config.kubeip === undefined || manifest.transport === "kubeip") return [];
  return [
    `quorate:kubeip in ${source} does nothing while ${path} says transport: ${manifest.transport}: no node gets a public address. Keep it where the network is about to move, else remove it`,
  ];
}
