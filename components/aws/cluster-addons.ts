import * as aws from "@pulumi/aws";
import type * as pulumi from "@pulumi/pulumi";
import { enclaveNodeKey } from "../../contract/enclave-node-key.ts";
import { managedPolicyArn } from "./arn.ts";
import { PartyRole, type PartyRoleArgs } from "./party-role.ts";

export interface ClusterAddonsArgs {
  region: string;
  clusterName: pulumi.Input<string>;
  oidc: PartyRoleArgs["oidc"];
}

/** Service account of the driver's controller, in the add-on. */
const volumeAccount = { namespace: "kube-system", name: "ebs-csi-controller-sa" };

/** Lets pods onto the enclave nodes, which are the only ones. */
export const enclaveTolerations = [{ key: enclaveNodeKey, operator: "Exists", effect: "NoSchedule" }];

/** Add-ons of a cluster of our own, in the version that EKS pairs with the cluster's Kubernetes version. */
export function createAddons(parent: pulumi.Resource, name: string, args: ClusterAddonsArgs): void {
  const volumes = createVolumeRole(parent, name, args);
  createAddon(parent, name, args, "vpc-cni", {
    // Without it a NetworkPolicy is an object that nobody reads. The value is text: EKS refuses a boolean.
    configurationValues: JSON.stringify({ enableNetworkPolicy: "true" }),
  });
  createAddon(parent, name, args, "kube-proxy", {});
  // The cores resolve their peers through it.
  createAddon(parent, name, args, "coredns", {
    configurationValues: JSON.stringify({ tolerations: enclaveTolerations }),
  });
  createAddon(parent, name, args, "aws-ebs-csi-driver", {
    serviceAccountRoleArn: volumes.roleArn,
    configurationValues: JSON.stringify({ controller: { tolerations: enclaveTolerations } }),
  });
}

/** The driver's own role: with the node's, every pod on the node could make and delete volumes. */
function createVolumeRole(parent: pulumi.Resource, name: string, { region, oidc }: ClusterAddonsArgs): PartyRole {
  const role = new PartyRole(`${name}-volumes`, { serviceAccount: volumeAccount, oidc }, { parent });
  new aws.iam.RolePolicyAttachment(
    `${name}-volumes-policy`,
    { role: role.roleName, policyArn: managedPolicyArn(region, "service-role/AmazonEBSCSIDriverPolicy") },
    { parent: role },
  );
  return role;
}

function createAddon(
  parent: pulumi.Resource,
  name: string,
  { clusterName }: ClusterAddonsArgs,
  addonName: string,
  settings: Pick<aws.eks.AddonArgs, "configurationValues" | "serviceAccountRoleArn">,
): void {
  new aws.eks.Addon(
    `${name}-${addonName}`,
    {
      clusterName,
      addonName,
      ...settings,
      resolveConflictsOnCreate: "OVERWRITE",
      resolveConflictsOnUpdate: "OVERWRITE",
    },
    { parent },
  );
}
