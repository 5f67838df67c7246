import type * as pulumi from "@pulumi/pulumi";
import { OperatorError } from "../contract/operator-error.ts";
import { clientOptions, type Profile } from "./aws-profile.ts";

/** AWS takes two or three minutes to bring a load balancer up. */
const patienceMs = 600_000;
const pollMs = 2_000;

/** State of each of some load balancers, as AWS calls it. */
export type StatesOf = (arns: string[]) => Promise<string[]>;

/**
 * Waits, before an endpoint service is made or changed, until the load balancers behind it are up: AWS refuses a service in front of one that is
 * not. It runs while the engine works, not in a preview.
 */
export function balancerWait(profile: Profile): pulumi.ResourceHookFunction {
  return async ({ newInputs }) => {
    const { networkLoadBalancerArns } = newInputs as { networkLoadBalancerArns: string[] };
    await untilActive(networkLoadBalancerArns, { statesOf: (arns) => askStates(profile, arns) });
  };
}

/** Resolves once all are active. Throws what an operator has to do where one has failed, or does not come up. */
export async function untilActive(
  arns: string[],
  { statesOf, timeoutMs = patienceMs, pauseMs = pollMs }: { statesOf: StatesOf; timeoutMs?: number; pauseMs?: number },
): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; ; ) {
    const states = await statesOf(arns);
    // AWS calls it impaired where it is up in part, and offers it all the same.
    if (states.every((state) => state === "active" || state === "active_impaired")) return;
    if (states.includes("failed") || Date.now() > deadline) throw notActive(arns, states, timeoutMs);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

function notActive(arns: string[], states: string[], timeoutMs: number): Error {
  const failure = new OperatorError({
    code: "BALANCER_NOT_ACTIVE",
    what: "the load balancer in front of the core does not come up, so AWS would refuse the endpoint service before it",
    found: arns.map((arn, index) => `${arn}: ${states[index]}`).join("; "),
    expected: `active, within ${timeoutMs / 60_000} minutes`,
    next: `kubectl --namespace kube-system logs deployment/aws-load-balancer-controller; then npx quorate up again`,
    exitCode: 1,
  });
  // Of a hook the engine prints the message alone.
  return new Error(failure.render(), { cause: failure });
}

async function askStates(profile: Profile, arns: string[]): Promise<string[]> {
  const { DescribeLoadBalancersCommand, ElasticLoadBalancingV2Client } = await import(
    "@aws-sdk/client-elastic-load-balancing-v2"
  );
  const client = new ElasticLoadBalancingV2Client(await clientOptions(profile));
  try {
    const { LoadBalancers = [] } = await client.send(new DescribeLoadBalancersCommand({ LoadBalancerArns: arns }));
    return arns.map(
      (arn) => LoadBalancers.find(({ LoadBalancerArn }) => LoadBalancerArn === arn)?.State?.Code ?? "unknown",
    );
  } finally {
    client.destroy();
  }
}
