import { partitionOf } from "./arn.ts";
import type { Statement } from "./key-policy.ts";

export interface LoadBalancerRightsArgs {
  region: string;
  accountId: string;
  clusterName: string;
  vpcId: string;
}

/** The controller marks all that it makes with the cluster that it is for. */
const mark = "elbv2.k8s.aws/cluster";

const named = (service: string, names: readonly string[]) => names.map((name) => `${service}:${name}`);

/**
 * What the AWS load balancer controller does for network load balancers of one cluster in one VPC.
 *
 * The policy that the controller publishes lets it touch every security group and listener of the account, and all that
 * application load balancers need besides. Names of actions follow that policy, of the same release.
 * @see https://github.com/kubernetes-sigs/aws-load-balancer-controller/blob/v3.5.0/docs/install/iam_policy.json
 */
export function loadBalancerRights(args: LoadBalancerRightsArgs): Statement[] {
  return [looksAround(), makesServiceRole(args), ...keepsSecurityGroups(args), ...keepsLoadBalancers(args)];
}

function looksAround(): Statement {
  const network = [
    ...[
      "AccountAttributes",
      "Addresses",
      "AvailabilityZones",
      "CoipPools",
      "Instances",
      "InternetGateways",
      "IpamPools",
    ],
    ...["NetworkInterfaces", "RouteTables", "SecurityGroups", "Subnets", "Tags", "VpcPeeringConnections", "Vpcs"],
  ];
  const balancers = [
    ...["CapacityReservation", "ListenerAttributes", "ListenerCertificates", "Listeners", "LoadBalancerAttributes"],
    ...["LoadBalancers", "Rules", "SSLPolicies", "Tags", "TargetGroupAttributes", "TargetGroups", "TargetHealth"],
    "TrustStores",
  ];
  return {
    Sid: "LooksAround",
    Effect: "Allow",
    Action: [
      ...network.map((what) => `ec2:Describe${what}`),
      ...named("ec2", ["GetCoipPoolUsage", "GetSecurityGroupsForVpc"]),
      ...balancers.map((what) => `elasticloadbalancing:Describe${what}`),
    ].sort(),
    Resource: "*",
  };
}

function makesServiceRole({ region, accountId }: LoadBalancerRightsArgs): Statement {
  const service = "elasticloadbalancing.amazonaws.com";
  return {
    Sid: "MakesServiceRole",
    Effect: "Allow",
    Action: "iam:CreateServiceLinkedRole",
    Resource: `arn:${partitionOf(region)}:iam::${accountId}:role/aws-service-role/${service}/*`,
    Condition: { StringEquals: { "iam:AWSServiceName": service } },
  };
}

function keepsSecurityGroups({ region, accountId, clusterName, vpcId }: LoadBalancerRightsArgs): Statement[] {
  const place = `arn:${partitionOf(region)}:ec2:${region}:${accountId}`;
  const groups = `${place}:security-group/*`;
  return [
    {
      Sid: "MakesSecurityGroups",
      Effect: "Allow",
      Action: "ec2:CreateSecurityGroup",
      Resource: [groups, `${place}:vpc/${vpcId}`],
    },
    {
      Sid: "MarksNewSecurityGroups",
      Effect: "Allow",
      Action: "ec2:CreateTags",
      Resource: groups,
      Condition: {
        StringEquals: { "ec2:CreateAction": "CreateSecurityGroup", [`aws:RequestTag/${mark}`]: clusterName },
      },
    },
    {
      Sid: "KeepsItsSecurityGroups",
      Effect: "Allow",
      Action: named("ec2", ["CreateTags", "DeleteSecurityGroup", "DeleteTags"]),
      Resource: groups,
      // Nobody takes a mark over: a request may not name it.
      Condition: {
        StringEquals: { [`aws:ResourceTag/${mark}`]: clusterName },
        Null: { [`aws:RequestTag/${mark}`]: "true" },
      },
    },
    {
      // Of the nodes' security group too, which bears no mark: targets have to let the load balancer in.
      Sid: "OpensPorts",
      Effect: "Allow",
      Action: named("ec2", ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"]),
      Resource: groups,
      Condition: { ArnEquals: { "ec2:Vpc": `${place}:vpc/${vpcId}` } },
    },
  ];
}

function keepsLoadBalancers({ region, accountId, clusterName }: LoadBalancerRightsArgs): Statement[] {
  const place = `arn:${partitionOf(region)}:elasticloadbalancing:${region}:${accountId}`;
  const balancers = `${place}:loadbalancer/net/*/*`;
  const targets = `${place}:targetgroup/*/*`;
  const listeners = `${place}:listener/net/*/*/*`;
  const own = { StringEquals: { [`aws:ResourceTag/${mark}`]: clusterName } };
  const marked = { [`aws:RequestTag/${mark}`]: clusterName };
  const actions = (...names: string[]) => named("elasticloadbalancing", names);
  return [
    {
      Sid: "MakesLoadBalancers",
      Effect: "Allow",
      Action: actions("CreateLoadBalancer", "CreateTargetGroup"),
      Resource: [balancers, targets],
      Condition: { StringEquals: marked },
    },
    {
      Sid: "MarksNewLoadBalancers",
      Effect: "Allow",
      Action: actions("AddTags"),
      Resource: [balancers, targets],
      Condition: {
        StringEquals: { "elasticloadbalancing:CreateAction": ["CreateLoadBalancer", "CreateTargetGroup"], ...marked },
      },
    },
    {
      Sid: "KeepsItsLoadBalancers",
      Effect: "Allow",
      Action: [
        ...actions("DeleteLoadBalancer", "DeleteTargetGroup", "ModifyCapacityReservation", "ModifyIpPools"),
        ...actions("ModifyLoadBalancerAttributes", "ModifyTargetGroup", "ModifyTargetGroupAttributes"),
        ...actions("SetIpAddressType", "SetSecurityGroups", "SetSubnets"),
      ],
      Resource: [balancers, targets],
      Condition: own,
    },
    {
      Sid: "TagsItsLoadBalancers",
      Effect: "Allow",
      Action: actions("AddTags", "RemoveTags"),
      Resource: [balancers, targets],
      Condition: { ...own, Null: { [`aws:RequestTag/${mark}`]: "true" } },
    },
    {
      Sid: "MakesListeners",
      Effect: "Allow",
      Action: actions("CreateListener"),
      Resource: balancers,
    },
    {
      Sid: "KeepsListeners",
      Effect: "Allow",
      Action: actions("AddTags", "DeleteListener", "ModifyListener", "ModifyListenerAttributes", "RemoveTags"),
      Resource: listeners,
    },
    {
      Sid: "KeepsTargets",
      Effect: "Allow",
      Action: actions("DeregisterTargets", "RegisterTargets"),
      Resource: targets,
    },
  ];
}
