import { z } from "zod";
import { Digest } from "./names.ts";

/** A chart in its publisher's archive, by address and content. */
export interface ArchivedChart {
  name: string;
  version: string;
  url: string;
  /** SHA-256 of the archive, as the publisher's index has it. */
  digest: Digest;
}

/**
 * The chart of the AWS load balancer controller: it is in no registry.
 * @see https://aws.github.io/eks-charts/index.yaml
 */
export const loadBalancerControllerChart: ArchivedChart = {
  name: "aws-load-balancer-controller",
  version: "3.5.0",
  url: "https://aws.github.io/eks-charts/aws-load-balancer-controller-3.5.0.tgz",
  digest: Digest.parse("sha256:45051f634b33e10baccb3354d0681b7de787c60445e599fa276e0c9aedd4ccd5"),
};

export const LoadBalancerController = z
  .enum(["created", "byHand", "absent"])
  .optional()
  .describe(
    "The AWS load balancer controller, from its chart; `byHand`: somebody else puts it into the cluster. Left out: created where `endpointService` is; nothing else needs it.",
  );

export const PrometheusOperator = z
  .strictObject({
    ref: z
      .string()
      .regex(
        /^oci:\/\/[^@\s]+$/,
        "a chart in a registry looks like oci://registry/path/name; its digest is a field of its own",
      )
      .default("oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack")
      .describe("The chart kube-prometheus-stack, or your mirror of it."),
    version: z
      .string()
      .regex(/^\d+\.\d+\.\d+$/, "one exact version, such as 88.5.3")
      .describe("Version of the chart."),
    digest: Digest.describe("Digest of the chart in its registry, as `helm pull` prints it."),
  })
  .optional()
  .describe(
    "The Prometheus operator with one Prometheus, in the namespace of `monitoring`. Left out: none; monitor and alerts need one.",
  );

/** What a cluster has that AWS can not tell of. */
export const DeclaredTool = z.enum(["load-balancer-controller", "network-policies", "volume-driver"]);
export type DeclaredTool = z.infer<typeof DeclaredTool>;
