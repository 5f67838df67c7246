import type * as pulumi from "@pulumi/pulumi";
import { closedAmong, readSubnets } from "../components/aws/subnets.ts";
import type { NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { StackConfig } from "../contract/stack-config.ts";

/** Refuses subnets in which the nodes of transport `kubeip` could not be reached, once AWS has said what they are. */
export async function checkPublicSubnets(
  { config, manifest, source }: { config: StackConfig; manifest: Pick<NetworkManifest, "transport">; source: string },
  options: pulumi.InvokeOptions,
): Promise<void> {
  if (manifest.transport !== "kubeip" || config.kubeip === undefined) return;
  const closed = closedAmong(await readSubnets(config.kubeip.publicSubnetIds, options));
  if (closed.length === 0) return;
  throw new OperatorError({
    code: "SUBNET_PRIVATE",
    what: `party ${config.party} (${config.network}): a node would lie where its peers could not reach it`,
    found: `quorate:kubeip.publicSubnetIds: ${closed.join(", ")} in ${source}, private, as map_public_ip_on_launch is false`,
    expected: "public subnets of the cluster's VPC, in which a machine gets a public address as it starts",
    next: `name public ones in quorate:kubeip.publicSubnetIds of ${source}`,
  });
}
