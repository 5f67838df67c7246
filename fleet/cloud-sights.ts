import { Sha256 } from "@aws-crypto/sha256-js";
import {
  EC2Client,
  paginateDescribeSecurityGroupRules,
  paginateDescribeVpcEndpointConnections,
  paginateDescribeVpcEndpoints,
} from "@aws-sdk/client-ec2";
import { GetKeyPolicyCommand, KMSClient } from "@aws-sdk/client-kms";
import { GetBucketPolicyCommand, HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";
import { SignatureV4 } from "@smithy/signature-v4";
import { z } from "zod";
import { type Answer, seen, unknown } from "../contract/answer.ts";
import type {
  CloudSights,
  ConnectionSight,
  EndpointSight,
  GroupRuleSight,
  KeyPolicySight,
  RoleTrustSight,
  VaultPolicySight,
} from "../contract/cloud-sights.ts";
import { isLike } from "../contract/iam-pattern.ts";
import { OperatorError } from "../contract/operator-error.ts";
import type { PartyOutputs } from "../contract/party-outputs.ts";
import { cutBetweenWords } from "../contract/printable.ts";
import { clientOptions } from "../stacks/aws-profile.ts";
import { awsFailure } from "./aws-failure.ts";

export interface AskingCloud {
  /** Of all questions together: they are asked side by side. */
  timeoutMs: number;
  signal: AbortSignal;
}

/** What AWS says of a party to its own credentials. Never throws because of what AWS does, or refuses. */
export async function cloudSights(outputs: PartyOutputs, asking: AskingCloud): Promise<CloudSights> {
  const late = AbortSignal.any([asking.signal, AbortSignal.timeout(asking.timeoutMs)]);
  const cloud = new Cloud(outputs, asking, late);
  const { securityGroupIds, partyKeyArn, roles, publicVault, privateVault, endpointServiceName } = outputs;
  const endpoints = cloud.ask("ec2:DescribeVpcEndpoints", "endpoints", () => cloud.endpoints());
  // A group that somebody put in the place of the stack's is asked about too: its rules are those that count.
  const groups = endpoints.then((answer) => [
    ...new Set([
      ...securityGroupIds,
      ...(answer.status === "seen" ? answer.value.flatMap((endpoint) => endpoint.securityGroupIds) : []),
    ]),
  ]);
  const policyOf = (vault: PartyOutputs["privateVault"]) =>
    cloud.ask("s3:GetBucketPolicy", vault.bucketName, () => cloud.vaultPolicy(vault));
  const [found, connections, rules, keyPolicy, coreTrust, publicly, privately, ...policies] = await Promise.all([
    endpoints,
    cloud.ask("ec2:DescribeVpcEndpointConnections", endpointServiceName ?? "its service", () => cloud.connections()),
    cloud.ask("ec2:DescribeSecurityGroupRules", securityGroupIds.join(", "), async () => cloud.rules(await groups)),
    cloud.ask("kms:GetKeyPolicy", partyKeyArn, () => cloud.keyPolicy()),
    cloud.ask("iam:GetRole", roles.core, () => cloud.coreTrust()),
    cloud.ask("s3:ListBucket", publicVault.bucketName, () => cloud.vault(publicVault.bucketName)),
    cloud.ask("s3:ListBucket", privateVault.bucketName, () => cloud.vault(privateVault.bucketName)),
    policyOf(publicVault),
    policyOf(privateVault),
  ]);
  return {
    partyId: outputs.partyId,
    endpoints: found,
    connections,
    groupRules:
      rules.status === "unknown"
        ? rules
        : seen(rules.value.map((rule) => ({ ...rule, of: ofGroup(rule.groupId, found) }))),
    keyPolicy,
    coreTrust,
    vaults: { public: publicly, private: privately },
    vaultPolicies: { public: policies[0], private: policies[1] },
  };
}

function ofGroup(groupId: string, endpoints: Answer<EndpointSight[]>): GroupRuleSight["of"] {
  const known = endpoints.status === "seen" ? endpoints.value : [];
  return known.some(({ securityGroupIds }) => securityGroupIds.includes(groupId)) ? "endpoints" : "nodes";
}

class Cloud {
  readonly #outputs: PartyOutputs;
  readonly #asking: AskingCloud;
  readonly #late: AbortSignal;

  constructor(outputs: PartyOutputs, asking: AskingCloud, late: AbortSignal) {
    this.#outputs = outputs;
    this.#asking = asking;
    this.#late = late;
  }

  /** One question; what keeps it from an answer becomes the reason, with the right that is missing where that is it. */
  async ask<T>(action: string, of: string, question: () => Promise<T>): Promise<Answer<T>> {
    try {
      return seen(await Promise.race([question(), this.#over()]));
    } catch (cause) {
      if (this.#asking.signal.aborted) return unknown("interrupted");
      if (this.#late.aborted) return unknown(`no answer to ${action} within ${this.#asking.timeoutMs / 1000} s`);
      return unknown(this.#reason(action, of, cause));
    }
  }

  #over(): Promise<never> {
    return new Promise((_, reject) => {
      const end = () => reject(this.#late.reason);
      if (this.#late.aborted) end();
      else this.#late.addEventListener("abort", end, { once: true });
    });
  }

  #reason(action: string, of: string, cause: unknown): string {
    if (!(cause instanceof Error)) return String(cause);
    const { partyId, awsProfile: profile, region, accountId } = this.#outputs;
    const { problem, message } =
      cause instanceof OperatorError ? cause : awsFailure({ partyId, profile, region, accountId, action, of }, cause);
    return cutBetweenWords(`${message}: ${problem.found.split("\n", 1)[0]}`, 500);
  }

  // One client for all questions to a service: each costs its own connection, and its own look for credentials.
  readonly #ec2 = once(async () => new EC2Client(await this.#options()));
  readonly #kms = once(async () => new KMSClient(await this.#options()));
  // Path style: the bucket's name need not resolve as a host.
  readonly #s3 = once(async () => new S3Client({ ...(await this.#options()), forcePathStyle: true }));

  async #options() {
    return { ...(await clientOptions(this.#profile())), maxAttempts: 2 };
  }

  #profile() {
    return { profile: this.#outputs.awsProfile, region: this.#outputs.region };
  }

  /** Those of the party's own groups, or with its stack's tags: an account has other endpoints too. */
  async endpoints(): Promise<EndpointSight[]> {
    const client = await this.#ec2();
    const found: EndpointSight[] = [];
    const filters = [{ Name: "vpc-endpoint-type", Values: ["Interface"] }];
    for await (const page of paginateDescribeVpcEndpoints({ client }, { Filters: filters }, this.#sending()))
      for (const { VpcEndpointId = "", ServiceName = "", State = "", Groups = [], Tags = [] } of page.VpcEndpoints ??
        []) {
        const securityGroupIds = Groups.map(({ GroupId = "" }) => GroupId);
        const tag = (name: string) => Tags.find(({ Key }) => Key === name)?.Value;
        const { network, partyId } = this.#outputs;
        const isTagged = tag("network") === network && tag("party") === String(partyId);
        if (!isTagged && !securityGroupIds.some((id) => this.#outputs.securityGroupIds.includes(id))) continue;
        const [, peer] = /-party-(\d+)$/.exec(tag("Name") ?? "") ?? [];
        const peerId = peer === undefined ? null : Number(peer);
        found.push({ peerId, endpointId: VpcEndpointId, serviceName: ServiceName, state: State, securityGroupIds });
      }
    return found.sort((one, other) => (one.peerId ?? 0) - (other.peerId ?? 0));
  }

  async connections(): Promise<ConnectionSight[]> {
    const name = this.#outputs.endpointServiceName;
    if (name === null) return [];
    const client = await this.#ec2();
    const found: ConnectionSight[] = [];
    const filters = [{ Name: "service-id", Values: [name.split(".").at(-1) ?? name] }];
    for await (const page of paginateDescribeVpcEndpointConnections({ client }, { Filters: filters }, this.#sending()))
      for (const { VpcEndpointId = "", VpcEndpointOwner = "", VpcEndpointState = "" } of page.VpcEndpointConnections ??
        [])
        found.push({ endpointId: VpcEndpointId, ownerAccount: VpcEndpointOwner, state: VpcEndpointState });
    return found;
  }

  async rules(securityGroupIds: string[]): Promise<Omit<GroupRuleSight, "of">[]> {
    const { ports } = this.#outputs;
    if (securityGroupIds.length === 0) return [];
    const client = await this.#ec2();
    const found: Omit<GroupRuleSight, "of">[] = [];
    const filters = [{ Name: "group-id", Values: securityGroupIds }];
    for await (const page of paginateDescribeSecurityGroupRules({ client }, { Filters: filters }, this.#sending()))
      for (const rule of page.SecurityGroupRules ?? []) {
        const all = rule.IpProtocol === "-1";
        if (!all && rule.IpProtocol !== "tcp" && rule.IpProtocol !== "6") continue;
        // AWS says -1 for every port.
        const any = all || rule.FromPort === -1;
        const [fromPort, toPort] = any ? [0, 65_535] : [rule.FromPort ?? 0, rule.ToPort ?? 65_535];
        if (ports.peer < fromPort || ports.peer > toPort) continue;
        const others =
          rule.CidrIpv4 ?? rule.CidrIpv6 ?? rule.PrefixListId ?? rule.ReferencedGroupInfo?.GroupId ?? "nobody";
        found.push({ groupId: rule.GroupId ?? "", direction: rule.IsEgress ? "out" : "in", others, fromPort, toPort });
      }
    return found;
  }

  async keyPolicy(): Promise<KeyPolicySight> {
    const client = await this.#kms();
    const command = new GetKeyPolicyCommand({ KeyId: this.#outputs.partyKeyArn, PolicyName: "default" });
    const { Policy = "" } = await client.send(command, { abortSignal: this.#late });
    return whoDecrypts(Policy);
  }

  /**
   * IAM by hand: it is one question, in a protocol of 2010, and no reason to install one more client.
   * @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html
   */
  async coreTrust(): Promise<RoleTrustSight> {
    const { roles, region } = this.#outputs;
    const { endpoint } = await clientOptions(this.#profile());
    const url = new URL(endpoint ?? iamOf(region));
    const body = `${new URLSearchParams({ Action: "GetRole", Version: "2010-05-08", RoleName: roles.core.split("/").at(-1) ?? "" })}`;
    const headers = { host: url.host, "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
    const { protocol, hostname } = url;
    const asked = { method: "POST", protocol, hostname, path: "/", headers, body };
    const signer = new SignatureV4({
      service: "iam",
      region: region.startsWith("cn-") ? "cn-north-1" : region.startsWith("us-gov-") ? "us-gov-west-1" : "us-east-1",
      credentials: fromNodeProviderChain({ profile: this.#outputs.awsProfile }),
      sha256: Sha256,
    });
    const signed = await signer.sign(url.port ? { ...asked, port: Number(url.port) } : asked);
    const { host: _host, ...sent } = signed.headers;
    const answer = await fetch(url, { method: "POST", headers: sent, body, signal: this.#late });
    const text = await answer.text();
    if (!answer.ok) {
      const of = (tag: string) => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(text)?.[1];
      const failure = new Error(of("Message") ?? `HTTP status ${answer.status}`);
      failure.name = of("Code") ?? "IamFailure";
      throw failure;
    }
    const [, policy = ""] = /<AssumeRolePolicyDocument>([^<]*)</.exec(text) ?? [];
    return whoTakes(decodeURIComponent(policy));
  }

  async vault(bucket: string): Promise<"readable" | "refused" | "missing"> {
    const client = await this.#s3();
    try {
      await client.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal: this.#late });
      return "readable";
    } catch (failure) {
      const status = (failure as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
      if (status === 404) return "missing";
      if (status === 403 && !/ExpiredToken|InvalidAccessKeyId|SignatureDoesNotMatch/.test(String(failure)))
        return "refused";
      throw failure;
    }
  }

  async vaultPolicy({ bucketName, prefix }: PartyOutputs["privateVault"]): Promise<VaultPolicySight> {
    const client = await this.#s3();
    try {
      const command = new GetBucketPolicyCommand({ Bucket: bucketName });
      const { Policy = "" } = await client.send(command, { abortSignal: this.#late });
      return whatItRefuses(Policy, { bucketName, prefix, roleArn: this.#outputs.roles.core });
    } catch (failure) {
      // Whether the vault is there at all is another question.
      if (failure instanceof Error && /^NoSuchBucket(?:Policy)?$/.test(failure.name))
        return { refuses: [], unclear: [] };
      throw failure;
    }
  }

  #sending() {
    return { abortSignal: this.#late };
  }
}

/** Made when it is first asked for. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function iamOf(region: string): string {
  if (region.startsWith("cn-")) return "https://iam.cn-north-1.amazonaws.com.cn";
  return region.startsWith("us-gov-") ? "https://iam.us-gov.amazonaws.com" : "https://iam.amazonaws.com";
}

const OneOrMore = z.union([z.string().transform((one) => [one]), z.array(z.string())]);
const Conditions = z.record(
  z.string(),
  z.record(z.string(), z.union([OneOrMore, z.boolean().transform((is) => [String(is)])])),
);
const Statement = z.looseObject({
  Sid: z.string().optional(),
  Effect: z.string(),
  Action: OneOrMore.optional(),
  NotAction: OneOrMore.optional(),
  Resource: OneOrMore.optional(),
  NotResource: OneOrMore.optional(),
  NotPrincipal: z.unknown().optional(),
  Principal: z.union([z.string(), z.record(z.string(), OneOrMore)]).optional(),
  Condition: Conditions.optional(),
});
type Statement = z.infer<typeof Statement>;
const Policy = z.object({ Statement: z.union([z.array(Statement), Statement.transform((one) => [one])]) });

const allowsIn = (text: string): Statement[] => statementsIn(text).filter(({ Effect }) => Effect === "Allow");

function statementsIn(text: string): Statement[] {
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch {
    throw new Error("the policy is not JSON");
  }
  const parsed = Policy.safeParse(policy);
  if (!parsed.success) throw new Error("the policy can not be read");
  return parsed.data.Statement;
}

/** Values that a statement asks of a condition key, whatever the operator; undefined where it asks nothing. */
function asked({ Condition = {} }: Statement, key: RegExp): string[] | undefined {
  const found = Object.entries(Condition).flatMap(([operator, keys]) =>
    /^StringEquals|^StringLike|^ForAnyValue:StringEquals|^Bool(?:IfExists)?$/.test(operator)
      ? Object.entries(keys)
          .filter(([name]) => key.test(name))
          .map(([, values]) => values)
      : [],
  );
  return found.length === 0 ? undefined : found.flat();
}

/** Which enclaves a key's policy lets decrypt. */
export function whoDecrypts(policy: string): KeyPolicySight {
  const decrypting = allowsIn(policy).filter(({ Action = [] }) =>
    Action.some((action) => /^(?:\*|kms:\*|kms:decrypt\*?|kms:de\*)$/i.test(action)),
  );
  const conditions = decrypting.map((statement) =>
    asked(statement, /^kms:RecipientAttestation:(?:ImageSha384|PCR0)$/i),
  );
  const pcr0s = conditions.flatMap((values) => values ?? []).map((pcr) => pcr.toLowerCase());
  return {
    pcr0s: [...new Set(pcr0s)].filter((pcr) => /^[0-9a-f]{96}$/.test(pcr)).sort(),
    unattested: conditions.includes(undefined),
  };
}

/** Which service accounts a role's trust policy lets take it. */
export function whoTakes(policy: string): RoleTrustSight {
  const statements = allowsIn(policy).filter(({ Action = [] }) => Action.includes("sts:AssumeRoleWithWebIdentity"));
  const all = (key: RegExp) => [...new Set(statements.flatMap((statement) => asked(statement, key) ?? []))].sort();
  const providers = statements.flatMap(({ Principal }) =>
    typeof Principal === "object" ? (Principal.Federated ?? []) : [],
  );
  return { providers: [...new Set(providers)].sort(), subjects: all(/:sub$/), audiences: all(/:aud$/) };
}

/** What a core does in its vaults: without these it does not start, or loses what it makes. */
const coreActions = ["s3:ListBucket", "s3:GetObject", "s3:PutObject"] as const;

/**
 * What a vault's policy refuses the core's role: nothing that allows can undo it. Of a statement that is on conditions, or speaks of all but some,
 * nobody can tell from here whether it is about the core; but that which refuses who comes without TLS is not.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function whatItRefuses(
  policy: string,
  { bucketName, prefix, roleArn }: { bucketName: string; prefix: string; roleArn: string },
): VaultPolicySight {
  const bucketArn = `arn:${roleArn.split(":", 2)[1]}:s3:::${bucketName}`;
  const refusals = statementsIn(policy).flatMap((statement, index) => {
    const { Effect, Action, Resource = [], Condition = {}, Sid } = statement;
    if (Effect !== "Deny" || asked(statement, /^aws:SecureTransport$/i)?.every((is) => is === "false")) return [];
    const hit = coreActions.filter((action) => {
      const target = action === "s3:ListBucket" ? bucketArn : `${bucketArn}/${prefix}/`;
      const isAbout = Resource.some((one) => isLike(one, target) || isLike(one, `${target}x`));
      return (
        (Action?.some((one) => isLike(one.toLowerCase(), action.toLowerCase())) ?? statement.NotAction !== undefined) &&
        (isAbout || statement.NotResource !== undefined)
      );
    });
    if (hit.length === 0 || !mayMean(statement, roleArn)) return [];
    const { NotAction, NotResource, NotPrincipal } = statement;
    const isSure =
      Object.keys(Condition).length === 0 && [NotAction, NotResource, NotPrincipal].every((one) => one === undefined);
    return [{ statement: Sid ?? `statement ${index + 1}`, actions: hit, isSure }];
  });
  const sure = refusals.filter(({ isSure }) => isSure);
  return {
    refuses: sure.flatMap(({ statement, actions }) => actions.map((action) => ({ action, statement }))),
    unclear: refusals.filter(({ isSure }) => !isSure).map(({ statement }) => statement),
  };
}

/** Whether a statement may be about a role: by its name, by its account, or by being about all or all but some. */
function mayMean({ Principal, NotPrincipal }: Statement, roleArn: string): boolean {
  if (NotPrincipal !== undefined || Principal === "*") return true;
  const named = typeof Principal === "object" ? (Principal.AWS ?? []) : [];
  const account = roleArn.split(":")[4];
  return named.some((one) => one === "*" || one === roleArn || one === account || one.endsWith(`::${account}:root`));
}
