import { expect, test } from "vitest";
import { loadBalancerRights } from "../../components/aws/load-balancer-rights.ts";
import { LoadBalancerController } from "../../components/kubernetes/load-balancer-controller.ts";
import { PrometheusOperator } from "../../components/kubernetes/prometheus-operator.ts";
import { authorize, parsePolicy } from "../../devnet/cloud/policy.ts";
import { noWildcardActions } from "../../policies/no-wildcard-actions.ts";
import { asked } from "../policies/asking.ts";
import { onMockStack } from "../support/mocks.ts";

const place = { region: "eu-west-1", accountId: "100000000001", clusterName: "kms", vpcId: "vpc-01" };
const oidc = { providerArn: "arn:aws:iam::100000000001:oidc-provider/oidc.example/id/A", issuer: "oidc.example/id/A" };
const enclaveNodes = [{ key: "node.kubernetes.io/enclave-enabled", operator: "Exists", effect: "NoSchedule" }];

const controller = (ref = "/charts/aws-load-balancer-controller-3.5.0.tgz") =>
  onMockStack(() => new LoadBalancerController("l", { ...place, oidc, chart: { ref, version: "3.5.0" } }));

test("the controller runs on the enclave nodes, knows its VPC, and minds network load balancers that ask for it", async () => {
  const stack = await controller();
  const { values, ...release } = stack.get("l-release").inputs;
  expect(release).toMatchObject({ namespace: "kube-system", version: "3.5.0", skipAwait: true });
  expect(values).toEqual({
    clusterName: "kms",
    region: "eu-west-1",
    vpcId: "vpc-01",
    serviceAccount: {
      name: "aws-load-balancer-controller",
      annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::100000000001:role/l-role-role" },
    },
    tolerations: enclaveNodes,
    enableServiceMutatorWebhook: false,
    ingressClassParams: { create: false },
    createIngressClassResource: false,
    enableShield: false,
    enableWaf: false,
    enableWafv2: false,
    keepTLSSecret: true,
  });
  expect(JSON.parse(stack.get("l-role-role").inputs.assumeRolePolicy).Statement[0].Condition.StringEquals).toEqual({
    "oidc.example/id/A:sub": "system:serviceaccount:kube-system:aws-load-balancer-controller",
    "oidc.example/id/A:aud": "sts.amazonaws.com",
  });
});

const ec2 = "arn:aws:ec2:eu-west-1:100000000001";
const elb = "arn:aws:elasticloadbalancing:eu-west-1:100000000001";
const group = `${ec2}:security-group/sg-1`;
const balancer = `${elb}:loadbalancer/net/k8s-kms/1`;
const vpc = (id: string) => ({ "ec2:vpc": `${ec2}:vpc/${id}` });
const marked = (cluster: string) => ({ "aws:requesttag/elbv2.k8s.aws/cluster": cluster });
const owned = (cluster: string) => ({ "aws:resourcetag/elbv2.k8s.aws/cluster": cluster });

test.for([
  ["ec2:DescribeSubnets", "*", {}, true],
  ["elasticloadbalancing:CreateLoadBalancer", balancer, marked("kms"), true],
  ["elasticloadbalancing:CreateLoadBalancer", balancer, marked("other"), false],
  ["elasticloadbalancing:CreateLoadBalancer", `${elb}:loadbalancer/app/x/1`, marked("kms"), false],
  ["elasticloadbalancing:DeleteLoadBalancer", balancer, owned("kms"), true],
  ["elasticloadbalancing:DeleteLoadBalancer", balancer, owned("other"), false],
  ["elasticloadbalancing:DeleteLoadBalancer", balancer, {}, false],
  ["elasticloadbalancing:AddTags", balancer, owned("kms"), true],
  ["elasticloadbalancing:AddTags", balancer, { ...owned("kms"), ...marked("kms") }, false],
  ["elasticloadbalancing:CreateListener", balancer, {}, true],
  ["elasticloadbalancing:DeleteListener", `${elb}:listener/net/k8s-kms/1/2`, {}, true],
  ["elasticloadbalancing:DeleteListener", `${elb}:listener/app/x/1/2`, {}, false],
  ["elasticloadbalancing:RegisterTargets", `${elb}:targetgroup/k8s/1`, {}, true],
  ["ec2:AuthorizeSecurityGroupIngress", group, vpc("vpc-01"), true],
  ["ec2:AuthorizeSecurityGroupIngress", group, vpc("vpc-02"), false],
  ["ec2:DeleteSecurityGroup", group, owned("kms"), true],
  ["ec2:DeleteSecurityGroup", group, {}, false],
  ["ec2:RunInstances", "*", {}, false],
  ["wafv2:AssociateWebACL", "*", {}, false],
] as const)("may %s on %s with %o: %s", ([action, resource, context, allowed]) => {
  const document = JSON.stringify({ Version: "2012-10-17", Statement: loadBalancerRights(place) });
  const accountId = place.accountId;
  const principal = { kind: "user", accountId, arn: `arn:aws:iam::${accountId}:user/controller` } as const;
  const request = { principal, action, resource, resourceAccountId: accountId, context };
  expect(authorize(request, { identity: [parsePolicy(document, "identity")] }).allowed).toBe(allowed);
});

test("the controller's policy fits into a role, and names every action", async () => {
  const stack = await controller();
  const { policy } = stack.get("l-role-balancers-policy").inputs;
  expect(policy.length).toBeLessThan(10_240);
  expect(asked(noWildcardActions, [{ type: "aws:iam/rolePolicy:RolePolicy", props: { policy } }])).toEqual([]);
});

test("a chart that Helm would fetch by itself is refused, and so is one without a digest", async () => {
  await expect(controller("https://charts.example/c.tgz")).rejects.toMatchObject({
    errors: [{ propertyPath: "chart.ref" }],
  });
  const chart = { ref: "oci://charts.example/kube-prometheus-stack", version: "88.5.3" };
  expect(() => new PrometheusOperator("p", { namespace: "monitoring", chart })).toThrow(
    expect.objectContaining({ errors: [expect.objectContaining({ propertyPath: "chart.ref" })] }),
  );
});

test("the Prometheus operator runs on the enclave nodes, reads every monitor, and brings no Grafana", async () => {
  const chart = { ref: `oci://charts.example/kube-prometheus-stack@sha256:${"a".repeat(64)}`, version: "88.5.3" };
  const stack = await onMockStack(() => new PrometheusOperator("p", { namespace: "watchers", chart }));
  const { values, ...release } = stack.get("p-release").inputs;
  expect(release).toMatchObject({ namespace: "watchers", createNamespace: true, skipAwait: true, chart: chart.ref });
  expect(values.prometheus.prometheusSpec).toEqual({
    tolerations: enclaveNodes,
    serviceMonitorSelectorNilUsesHelmValues: false,
    podMonitorSelectorNilUsesHelmValues: false,
    ruleSelectorNilUsesHelmValues: false,
    probeSelectorNilUsesHelmValues: false,
  });
  expect(values).toMatchObject({
    prometheusOperator: { tolerations: enclaveNodes, admissionWebhooks: { enabled: false }, tls: { enabled: false } },
    grafana: { enabled: false },
  });
});
