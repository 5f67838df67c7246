import type { ResourceRule } from "./rule.ts";

/** One to the host, one more to a pod that has a network of its own. */
const mostHops = 2;

export const imdsNeedsToken: ResourceRule = {
  id: "imds-needs-token",
  severity: "mandatory",
  guarantees: "A machine's metadata answers only to tokens of IMDSv2, and at most two hops away.",
  why: "Otherwise one forged request of a pod reads the node's role. Fewer than two hops would cut off the load balancer controller.",
  source: "terraform-mpc-modules modules/mpc-party/main.tf: http_tokens required, hop limit 2",
  fix: "components/aws/enclave-nodegroup.ts: metadataOptions",
  types: [
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/launchConfiguration:LaunchConfiguration",
    "aws:ec2/instance:Instance",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
  ],
  check({ props }, tell) {
    const options = props.metadataOptions ?? {};
    if (options.httpTokens !== "required")
      tell({
        field: "metadataOptions.httpTokens",
        found: String(options.httpTokens ?? "optional"),
        expected: "required",
      });
    const hops = options.httpPutResponseHopLimit;
    if (typeof hops !== "number" || hops > mostHops)
      tell({
        field: "metadataOptions.httpPutResponseHopLimit",
        found: String(hops ?? "the account's default"),
        expected: `at most ${mostHops}`,
      });
  },
};
