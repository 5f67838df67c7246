import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import type { Machine } from "./enclave-allocator.ts";

/** What AWS says of an instance type, so that nobody keeps a table of them. */
export async function machineOf(instanceType: string, options: pulumi.InvokeOptions): Promise<Machine> {
  const found = await aws.ec2.getInstanceType({ instanceType }, options);
  return {
    instanceType,
    cpuCount: found.defaultVcpus,
    memoryMib: found.memorySize,
    enclaves: found.nitroEnclavesSupport === "supported",
    architectures: found.supportedArchitectures,
  };
}
