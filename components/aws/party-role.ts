import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { checkArgs } from "../check-args.ts";
import type { Statement } from "./key-policy.ts";

export interface PartyRoleArgs {
  /** The one service account whose pods may take the role. */
  serviceAccount: { namespace: string; name: string };
  /** The cluster's OIDC provider in IAM, and its issuer without `https://`. */
  oidc: { providerArn: pulumi.Input<string>; issuer: pulumi.Input<string> };
  /** Physical name, where somebody else names the role in a policy and derives its ARN. @default made of the logical one */
  roleName?: string;
  /** Vaults that the role may use. Access to a key is granted by the key's policy. @default none */
  vaults?: VaultRights;
  /** Further rights, by what they are for: of things in other accounts, whose own policies can't be enough. @default none */
  rights?: Readonly<Record<string, pulumi.Input<readonly Statement[]>>>;
}

/** The two vaults of a party, and under which prefix in them all that the party writes lies. */
export interface VaultRights {
  publicArn: pulumi.Input<string>;
  privateArn: pulumi.Input<string>;
  prefixes: { public: string; private: string };
}

/** An IAM role for one service account (IRSA). Creates: role, and its policy where there are vaults. */
export class PartyRole extends pulumi.ComponentResource {
  readonly roleArn: pulumi.Output<string>;
  readonly roleName: pulumi.Output<string>;

  constructor(name: string, args: PartyRoleArgs, opts?: pulumi.ComponentResourceOptions) {
    const { namespace, name: account } = args.serviceAccount;
    checkArgs(`party role ${name}`, [
      wildcard(namespace) && { propertyPath: "serviceAccount.namespace", reason: "has to be one exact namespace" },
      wildcard(account) && { propertyPath: "serviceAccount.name", reason: "has to be one exact service account" },
      args.roleName !== undefined &&
        args.roleName.length > 64 && {
          propertyPath: "roleName",
          reason: `IAM allows 64 characters, found ${args.roleName.length}: ${args.roleName}`,
        },
    ]);
    super("quorate:aws:PartyRole", name, {}, opts);
    const role = createRole(this, name, args);
    if (args.vaults) createVaultPolicy(this, name, role, args.vaults);
    for (const [kind, statements] of Object.entries(args.rights ?? {}))
      new aws.iam.RolePolicy(
        `${name}-${kind}-policy`,
        { role: role.name, policy: pulumi.output(statements).apply(policyText) },
        { parent: this },
      );
    this.roleArn = role.arn;
    this.roleName = role.name;
    this.registerOutputs({ roleArn: this.roleArn, roleName: this.roleName });
  }
}

const policyText = (statements: unknown) => JSON.stringify({ Version: "2012-10-17", Statement: statements });

function wildcard(text: string): boolean {
  return text === "" || /[*?]/.test(text);
}

function createRole(parent: PartyRole, name: string, { oidc, serviceAccount, roleName }: PartyRoleArgs) {
  const subject = `system:serviceaccount:${serviceAccount.namespace}:${serviceAccount.name}`;
  const trust = pulumi.all([oidc.providerArn, oidc.issuer]).apply(([providerArn, issuer]) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Federated: providerArn },
          Action: "sts:AssumeRoleWithWebIdentity",
          // Subject alone would accept a token that the same account holds for another audience.
          Condition: { StringEquals: { [`${issuer}:sub`]: subject, [`${issuer}:aud`]: "sts.amazonaws.com" } },
        },
      ],
    }),
  );
  return new aws.iam.Role(
    `${name}-role`,
    { ...(roleName !== undefined && { name: roleName }), assumeRolePolicy: trust },
    { parent },
  );
}

function createVaultPolicy(parent: PartyRole, name: string, role: aws.iam.Role, vaults: VaultRights) {
  const { prefixes } = vaults;
  const policy = pulumi.all([vaults.publicArn, vaults.privateArn]).apply(([publicArn, privateArn]) => {
    const own = [`${publicArn}/${prefixes.public}/*`, `${privateArn}/${prefixes.private}/*`];
    return JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        // In the public vault also what lies under its peers' prefixes: their CA certificates.
        { Sid: "Read", Effect: "Allow", Action: "s3:GetObject", Resource: [`${publicArn}/*`, own[1]] },
        { Sid: "Write", Effect: "Allow", Action: ["s3:DeleteObject", "s3:PutObject"], Resource: own },
        { Sid: "List", Effect: "Allow", Action: "s3:ListBucket", Resource: [publicArn, privateArn] },
      ],
    });
  });
  return new aws.iam.RolePolicy(`${name}-vault-policy`, { role: role.name, policy }, { parent });
}
