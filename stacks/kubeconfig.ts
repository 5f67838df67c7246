import * as pulumi from "@pulumi/pulumi";
import type { PartyCluster } from "../components/aws/party-cluster.ts";
import type { StackConfig } from "../contract/stack-config.ts";

/** How Pulumi reaches a party's cluster: no token in it, a fresh one is made for every connection. */
export function kubeconfig(cluster: PartyCluster, config: StackConfig): pulumi.Output<string> {
  return pulumi
    .all([cluster.clusterName, cluster.endpoint, cluster.certificateAuthorityData])
    .apply(([name, server, certificateAuthorityData]) =>
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        clusters: [{ name, cluster: { server, "certificate-authority-data": certificateAuthorityData } }],
        users: [{ name, user: { exec: tokenCommand(name, config) } }],
        contexts: [{ name, context: { cluster: name, user: name } }],
        "current-context": name,
      }),
    );
}

/** Imported by name, not by path: the text is part of the state and has to be the same on every machine. */
function tokenCommand(clusterName: string, { region, awsProfile }: StackConfig) {
  return {
    apiVersion: "client.authentication.k8s.io/v1",
    interactiveMode: "Never",
    command: "node",
    args: [
      ...["--input-type=module", "--eval", "import 'quorate/eks-token'", "--"],
      ...["--cluster", clusterName, "--region", region, "--profile", awsProfile],
    ],
  };
}
