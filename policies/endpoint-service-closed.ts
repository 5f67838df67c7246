import type { ResourceRule } from "./rule.ts";

export const endpointServiceClosed: ResourceRule = {
  id: "endpoint-service-closed",
  severity: "mandatory",
  guarantees: "An endpoint service lets in the principals that it names, or asks for each connection.",
  why: "Upstream's defaults accept every connection and name nobody: one wildcard later, any AWS account is a peer.",
  source: "terraform-mpc-modules modules/vpc-endpoint-provider: acceptance_required = false, allowed_principals = []",
  fix: "parties[].accountId in the manifest",
  types: [
    "aws:ec2/vpcEndpointService:VpcEndpointService",
    "aws:ec2/vpcEndpointServiceAllowedPrinciple:VpcEndpointServiceAllowedPrinciple",
  ],
  check({ props }, tell) {
    const principals = [props.allowedPrincipals ?? [], props.principalArn ?? []].flat() as string[];
    if (principals.some((principal) => principal.includes("*")))
      tell({ field: "allowedPrincipals", found: principals.join(", "), expected: "the peers' account ARNs" });
  },
};
