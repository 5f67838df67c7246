import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import { type Audience, clusterRules, groupOf, namespaceRules, type Rule } from "./audience-rights.ts";

export interface AudienceAccessArgs {
  namespace: pulumi.Input<string>;
  /** The party's number, which tells cluster-wide names apart. */
  partyId: number;
  /** Deployment into whose pods an SRE may open a connection, and the container in them. */
  prober: { deployment: string; container: string };
  /** Pod in which an SRE may run one command of one program, and no other: from there everything may be asked of the core. */
  healthCheck: { pod: string; container: string; program: string; command: string };
  audiences: readonly Audience[];
}

/**
 * What each audience may in a party's cluster. Creates: role and binding per audience; for SREs a rule that lets them
 * into the prober, and run the health check, and into no other pod; for SREs and CI what they read of the cluster as a whole.
 */
export class AudienceAccess extends pulumi.ComponentResource {
  constructor(name: string, args: AudienceAccessArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`audience access ${name}`, [
      args.audiences.length === 0 && { propertyPath: "audiences", reason: "is empty: leave the component out" },
      new Set(args.audiences).size !== args.audiences.length && {
        propertyPath: "audiences",
        reason: "names one audience twice",
      },
    ]);
    super("quorate:kubernetes:AudienceAccess", name, {}, opts);
    for (const audience of args.audiences) createRole(this, name, args.namespace, audience);
    if (args.audiences.includes("sre")) narrowExec(this, name, args);
    for (const audience of args.audiences) {
      const rules = clusterRules[audience];
      if (rules !== undefined) createClusterRole(this, name, { ...args, audience, rules });
    }
    this.registerOutputs({});
  }
}

function subjects(audience: Audience) {
  return [{ kind: "Group", name: groupOf(audience), apiGroup: "rbac.authorization.k8s.io" }];
}

function createRole(parent: AudienceAccess, name: string, namespace: pulumi.Input<string>, audience: Audience) {
  const metadata = { name: `quorate-${audience}`, namespace };
  const role = new kubernetes.rbac.v1.Role(
    `${name}-${audience}-role`,
    { metadata, rules: [...namespaceRules[audience]] },
    { parent },
  );
  new kubernetes.rbac.v1.RoleBinding(
    `${name}-${audience}-binding`,
    {
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
      subjects: subjects(audience),
    },
    { parent },
  );
}

function createClusterRole(
  parent: AudienceAccess,
  name: string,
  { partyId, audience, rules }: { partyId: number; audience: Audience; rules: readonly Rule[] },
) {
  const metadata = { name: `quorate-party-${partyId}-${audience}` };
  const role = new kubernetes.rbac.v1.ClusterRole(
    `${name}-${audience}-cluster-role`,
    { metadata, rules: [...rules] },
    { parent },
  );
  new kubernetes.rbac.v1.ClusterRoleBinding(
    `${name}-${audience}-cluster-binding`,
    {
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role.metadata.name },
      subjects: subjects(audience),
    },
    { parent },
  );
}

/** The command is the first word, or the first behind the one option that may stand before it. */
function asks(command: string): string {
  const behindFormat = `object.command.size() > 3 && object.command[1] in ['--format', '-f'] && object.command[3] == '${command}'`;
  return `((object.command.size() > 1 && object.command[1] == '${command}') || (${behindFormat}))`;
}

/** RBAC knows no beginnings of names, and a Deployment's pods have no others: so admission narrows what RBAC opens. */
function narrowExec(parent: AudienceAccess, name: string, args: AudienceAccessArgs) {
  const { partyId, prober, healthCheck } = args;
  const isProber = `request.name.startsWith('${prober.deployment}-') && object.container == '${prober.container}'`;
  const isHealthCheck = `request.name == '${healthCheck.pod}' && object.container == '${healthCheck.container}' && has(object.command) && object.command[0] == '${healthCheck.program}' && ${asks(healthCheck.command)}`;
  const metadata = { name: `quorate-party-${partyId}-sre-exec` };
  const isSre = `'${groupOf("sre")}' in request.userInfo.groups && !('${groupOf("break-glass")}' in request.userInfo.groups)`;
  const policy = new kubernetes.admissionregistration.v1.ValidatingAdmissionPolicy(
    `${name}-sre-exec`,
    {
      metadata,
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: [""],
              apiVersions: ["v1"],
              operations: ["CONNECT"],
              resources: ["pods/attach", "pods/exec", "pods/portforward"],
            },
          ],
        },
        matchConditions: [{ name: "sre", expression: isSre }],
        validations: [
          {
            expression: `request.subResource == 'exec' && ((${isProber}) || (${isHealthCheck}))`,
            message: `an SRE opens a connection to the ${prober.container} of ${prober.deployment} only, and runs ${healthCheck.program} ${healthCheck.command} in ${healthCheck.pod}; all else takes the break-glass role`,
            reason: "Forbidden",
          },
        ],
      },
    },
    { parent },
  );
  new kubernetes.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
    `${name}-sre-exec-binding`,
    {
      metadata,
      spec: {
        policyName: policy.metadata.name,
        validationActions: ["Deny"],
        matchResources: {
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": args.namespace } },
        },
      },
    },
    { parent },
  );
}
