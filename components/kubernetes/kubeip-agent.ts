import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";

/** KubeIP 2.2.0. Before 2.1.12 it took the taint away minutes before the address was on the node. */
const agentImage = "docker.io/doitintl/kubeip-agent:2.2.0";
const namespace = "kube-system";
const agentName = "quorate-kubeip";
const labels = { "app.kubernetes.io/name": agentName };

/** The service account whose pods take KubeIP's role. */
export const kubeIpAccount = { namespace, name: agentName } as const;

/** On a node until its public address is there: nothing of the party runs on it before. */
export const addressTaint = { key: "kubeip.com/not-ready", value: "true" } as const;

/**
 * On nodes that are to have a public address, from their start. While a network moves, machines of both transports are there, and an agent would give the
 * address to whichever has it not.
 */
export const addressLabel = { key: "quorate.dev/transport", value: "kubeip" } as const;

export interface KubeIpAgentArgs {
  /** Label and taint of the enclave nodes; both have the value `true`. */
  nodeKey: string;
  roleArn: pulumi.Input<string>;
  /** Tag of the addresses that the nodes may get. */
  tag: { key: string; value: string };
  /** @default the release that this is written for */
  image?: string | undefined;
}

/**
 * Gives every enclave node with the label one of the party's public addresses, and frees the node for the core once it is there.
 * Creates: service account with its rights, DaemonSet in kube-system.
 *
 * @see https://github.com/doitintl/kubeip
 */
export class KubeIpAgent extends pulumi.ComponentResource {
  /** What runs, and which addresses it gives. */
  readonly state: string;

  constructor(name: string, args: KubeIpAgentArgs, opts?: pulumi.ComponentResourceOptions) {
    const image = args.image ?? agentImage;
    checkArgs(`KubeIP ${name}`, [
      (!/[:@]/.test(image) || image.endsWith(":latest")) && {
        propertyPath: "image",
        reason: `has to be pinned by tag or digest, found ${image}`,
      },
      // Separators of the agent's own filter, which has no way to quote them.
      /[,;=]/.test(args.tag.key + args.tag.value) && {
        propertyPath: "tag",
        reason: `KubeIP's filter can not hold any of , ; = as in ${args.tag.key}=${args.tag.value}`,
      },
    ]);
    super("quorate:kubernetes:KubeIpAgent", name, {}, opts);
    const rights = createRights(this, name, args);
    createDaemonSet(this, name, args, image, rights);
    this.state = `DaemonSet ${namespace}/${agentName} of ${image}, for addresses tagged ${args.tag.key}=${args.tag.value}`;
    this.registerOutputs({ state: this.state });
  }
}

function createRights(parent: KubeIpAgent, name: string, { roleArn }: KubeIpAgentArgs): pulumi.Resource[] {
  const account = new kubernetes.core.v1.ServiceAccount(
    `${name}-account`,
    { metadata: { name: agentName, namespace, annotations: { "eks.amazonaws.com/role-arn": roleArn } } },
    { parent },
  );
  const subjects = [{ kind: "ServiceAccount", name: agentName, namespace }];
  const apiGroup = "rbac.authorization.k8s.io";
  const nodes = new kubernetes.rbac.v1.ClusterRole(
    `${name}-nodes`,
    {
      metadata: { name: agentName },
      // Patch, to take the taint away. RBAC has no way to say "its own node".
      rules: [{ apiGroups: [""], resources: ["nodes"], verbs: ["get", "patch"] }],
    },
    { parent },
  );
  const nodesBinding = new kubernetes.rbac.v1.ClusterRoleBinding(
    `${name}-nodes-binding`,
    { metadata: { name: agentName }, subjects, roleRef: { apiGroup, kind: "ClusterRole", name: agentName } },
    { parent, dependsOn: [nodes] },
  );
  const turns = new kubernetes.rbac.v1.Role(
    `${name}-turns`,
    {
      metadata: { name: agentName, namespace },
      // A lease, by which two agents do not reach for one address.
      rules: [{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create", "delete", "get"] }],
    },
    { parent },
  );
  const turnsBinding = new kubernetes.rbac.v1.RoleBinding(
    `${name}-turns-binding`,
    { metadata: { name: agentName, namespace }, subjects, roleRef: { apiGroup, kind: "Role", name: agentName } },
    { parent, dependsOn: [turns] },
  );
  return [account, nodesBinding, turnsBinding];
}

function createDaemonSet(
  parent: KubeIpAgent,
  name: string,
  args: KubeIpAgentArgs,
  image: string,
  dependsOn: pulumi.Resource[],
) {
  new kubernetes.apps.v1.DaemonSet(
    `${name}-daemonset`,
    {
      metadata: { name: agentName, namespace, labels },
      spec: {
        selector: { matchLabels: labels },
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: agentName,
            nodeSelector: { [args.nodeKey]: "true", [addressLabel.key]: addressLabel.value },
            tolerations: [
              { key: args.nodeKey, operator: "Equal", value: "true", effect: "NoSchedule" },
              { key: addressTaint.key, operator: "Exists", effect: "NoSchedule" },
            ],
            priorityClassName: "system-node-critical",
            terminationGracePeriodSeconds: 30,
            // The node's own resolver: CoreDNS may be waiting for this very node.
            dnsPolicy: "Default",
            securityContext: {
              runAsNonRoot: true,
              // The agent is one file that everybody may run; the number is one that no account of the node has.
              runAsUser: 65_532,
              runAsGroup: 65_532,
              // Reads its AWS token by it.
              fsGroup: 65_532,
              seccompProfile: { type: "RuntimeDefault" },
            },
            containers: [agentContainer(args, image)],
          },
        },
      },
    },
    { parent, dependsOn },
  );
}

function agentContainer({ tag }: KubeIpAgentArgs, image: string) {
  const settings = {
    FILTER: `Name=tag:${tag.key},Values=${tag.value}`,
    TAINT_KEY: addressTaint.key,
    // Once released, AWS gives a node with several interfaces no other public address, and KubeIP wants one to replace.
    // A node that goes gives its address back in any case.
    RELEASE_ON_EXIT: "false",
    // Its own 5 minutes would be that long without a network while one node follows another.
    RETRY_INTERVAL: "15s",
    LEASE_NAMESPACE: namespace,
    LOG_LEVEL: "info",
    LOG_JSON: "true",
  };
  return {
    name: "kubeip",
    image,
    env: [
      { name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
      ...Object.entries(settings).map(([name, value]) => ({ name, value })),
    ],
    resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { cpu: "100m", memory: "128Mi" } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
  };
}
