/**
 * AWS partition of a region: what follows `arn:`. @see
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
 */
export function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  if (region.startsWith("us-gov-")) return "aws-us-gov";
  return "aws";
}

/** Domain of a region's service endpoints. */
export function domainOf(region: string): string {
  return region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
}

/** ARN of a policy that AWS maintains. */
export function managedPolicyArn(region: string, name: string): string {
  return `arn:${partitionOf(region)}:iam::aws:policy/${name}`;
}

/** ARN of an EKS access policy that AWS maintains. */
export function managedClusterPolicyArn(region: string, name: string): string {
  return `arn:${partitionOf(region)}:eks::aws:cluster-access-policy/${name}`;
}

/** ARN of a role by its name, whether it exists yet or not. */
export function roleArn(region: string, accountId: string, name: string): string {
  return `arn:${partitionOf(region)}:iam::${accountId}:role/${name}`;
}

/** ARN of an account's root: in a policy, "whoever the account's own IAM lets". */
export function accountRootArn(region: string, accountId: string): string {
  return `arn:${partitionOf(region)}:iam::${accountId}:root`;
}
