import * as pulumi from "@pulumi/pulumi";
import type { AllocatorSize } from "../components/aws/enclave-allocator.ts";
import { machineOf } from "../components/aws/machine-of.ts";
import type { NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { StackConfig } from "../contract/stack-config.ts";
import { allocatorOn, listTypes } from "./node-settings.ts";

/** What the nodes set aside for enclaves, once AWS has said what they are. */
export async function settleAllocator(
  {
    config,
    manifest,
    manifestPath,
    source,
  }: { config: StackConfig; manifest: NetworkManifest; manifestPath: string; source: string },
  options: pulumi.InvokeOptions,
): Promise<AllocatorSize> {
  const machine = await machineOf(config.enclaveNodes.instanceType, options).catch((cause: Error) => {
    if (/InvalidInstanceType|no matching EC2 Instance Type/.test(cause.message))
      throw unknownInstanceType(config, source, cause);
    throw new pulumi.RunError(cause.message, { cause });
  });
  return allocatorOn(machine, config, { manifest, path: manifestPath }, source);
}

function unknownInstanceType(config: StackConfig, source: string, cause: unknown): OperatorError {
  return new OperatorError(
    {
      code: "INSTANCE_TYPE_UNKNOWN",
      what: `party ${config.party} (${config.network}): its nodes are of a type that AWS does not have in ${config.region}`,
      found: `quorate:enclaveNodes.instanceType: ${config.enclaveNodes.instanceType} in ${source}`,
      expected: "the name of an instance type, such as c7a.16xlarge",
      next: `correct it in ${source}; ${listTypes(config)}`,
    },
    { cause },
  );
}
