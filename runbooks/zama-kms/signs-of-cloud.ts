import type { Answer } from "../../contract/answer.ts";
import type { CloudSights, EndpointSight, GroupRuleSight } from "../../contract/cloud-sights.ts";
import type { Certainty, LinkEnds } from "../../contract/doctor-report.ts";
import { isLike } from "../../contract/iam-pattern.ts";
import type { ValidateReport } from "../../contract/validate-report.ts";
import type { DoctorSights } from "./doctor-sights.ts";
import { refreshThenUp, type Sign, type Signs, type Unseen } from "./sign.ts";

type Facts = DoctorSights["closer"][number]["facts"];
type Network = DoctorSights["network"];

interface Context {
  cloud: CloudSights;
  facts: Facts;
  network: Network;
  /** Whether a link is anything but up: what AWS says of a link that works stops nobody. */
  isDown(link: LinkEnds): boolean;
}

/** What AWS says of a party, as far as it keeps its core from running or a link from working. */
export function signsOfCloud(cloud: CloudSights, facts: Facts, network: Network, report: ValidateReport): Signs {
  const down = new Set(
    report.links.filter(({ verdict }) => verdict.status !== "OK").map(({ from, to }) => `${from} ${to}`),
  );
  const context = { cloud, facts, network, isDown: ({ from, to }: LinkEnds) => down.has(`${from} ${to}`) };
  const isPrivate = network.transport === "privatelink";
  const signs = [
    ...(isPrivate ? [...endpointSigns(context), ...connectionSigns(context)] : publicRuleSigns(context)),
    ...keySigns(context),
    ...trustSigns(context),
    ...vaultSigns(context),
  ];
  return { signs, unseen: unseenOf(cloud) };
}

function unseenOf({
  partyId,
  endpoints,
  connections,
  groupRules,
  keyPolicy,
  coreTrust,
  vaults,
  vaultPolicies,
}: CloudSights): Unseen[] {
  const answers = { endpoints, connections, "security groups": groupRules, "key policy": keyPolicy, role: coreTrust };
  const all = {
    ...answers,
    ...{ "public vault": vaults.public, "private vault": vaults.private },
    ...{ "policy of the public vault": vaultPolicies.public, "policy of the private vault": vaultPolicies.private },
  };
  return Object.entries(all).flatMap(([what, answer]: [string, Answer<unknown>]): Unseen[] =>
    answer.status === "seen" ? [] : [{ party: partyId, source: "cloud", reason: `${what}: ${answer.reason}` }],
  );
}

const known = <T>(answer: Answer<T>): T | null => (answer.status === "seen" ? answer.value : null);

interface Words {
  found: string;
  expected: string;
  next: string;
}

function sign(
  code: string,
  party: number,
  seenOf: number,
  words: Words,
  { links = [], certainty = "proved" }: { links?: LinkEnds[]; certainty?: Certainty } = {},
): Sign {
  return { code, party, links, certainty, ...words, evidence: [{ source: "cloud", party: seenOf, line: words.found }] };
}

/* Ways to the peers. */

const gone = new Set(["rejected", "failed", "expired", "deleted", "deleting", "partial"]);

function endpointSigns({ cloud, facts, network, isDown }: Context): Sign[] {
  const { partyId: from } = cloud;
  const endpoints = known(cloud.endpoints);
  if (endpoints === null) return [];
  const rules = known(cloud.groupRules);
  return network.parties.flatMap(({ partyId: to }): Sign[] => {
    const link = { from, to };
    if (to === from || !isDown(link)) return [];
    const endpoint = endpoints.find(({ peerId }) => peerId === to);
    if (endpoint === undefined)
      return [
        sign(
          "ENDPOINT_MISSING",
          from,
          from,
          {
            found: `party ${from} has no endpoint to the service of party ${to}`,
            expected: "an interface endpoint, available",
            next: refreshThenUp(from, facts.stack),
          },
          { links: [link] },
        ),
      ];
    return [...stateSign(endpoint, link, facts), ...groupSign(endpoint, rules, link, facts)];
  });
}

function stateSign({ endpointId, serviceName, state }: EndpointSight, link: LinkEnds, { stack }: Facts): Sign[] {
  const { from, to } = link;
  const found = `endpoint ${endpointId} of party ${from} is ${state}`;
  if (state.toLowerCase() === "pendingacceptance") return [pending(link, from, found, { endpointId, serviceName })];
  if (!gone.has(state.toLowerCase())) return [];
  const next = `party ${to} says why; then: ${refreshThenUp(from, stack)}`;
  return [
    sign("ENDPOINT_REFUSED", from, from, { found, expected: "an endpoint that is available", next }, { links: [link] }),
  ];
}

/** Whose service it is has to accept, whoever sees it wait. */
function pending(
  link: LinkEnds,
  seenOf: number,
  found: string,
  { endpointId, serviceName }: { endpointId: string; serviceName: string | null },
): Sign {
  const { from, to } = link;
  // com.amazonaws.vpce.<region>.<id>
  const [, , , region = "<of its service>", serviceId = "<of its service>"] = serviceName?.split(".") ?? [];
  const next = `party ${to} accepts it: aws ec2 accept-vpc-endpoint-connections --region ${region} --service-id ${serviceId} --vpc-endpoint-ids ${endpointId}; and lists the account of party ${from} among those it lets in`;
  return sign("ENDPOINT_PENDING", to, seenOf, { found, expected: "accepted", next }, { links: [link] });
}

function groupSign(
  { endpointId, securityGroupIds }: EndpointSight,
  rules: readonly GroupRuleSight[] | null,
  link: LinkEnds,
  { stack }: Facts,
): Sign[] {
  const lets = rules?.some(({ groupId, direction }) => direction === "in" && securityGroupIds.includes(groupId));
  if (lets !== false || securityGroupIds.length === 0) return [];
  const { from, to } = link;
  const found = `security group ${securityGroupIds.join(", ")} of endpoint ${endpointId} lets nothing in at the peers' port: party ${from} does not get to party ${to}`;
  const next = refreshThenUp(from, stack);
  return [
    sign(
      "SECURITY_GROUP_CLOSED",
      from,
      from,
      { found, expected: "a rule that lets the party's nodes in", next },
      { links: [link] },
    ),
  ];
}

/** Seen from the other end: who waits for the own service to let them in. */
function connectionSigns({ cloud, facts, network }: Context): Sign[] {
  const { partyId: to } = cloud;
  const waiting = (known(cloud.connections) ?? []).filter(({ state }) => state.toLowerCase() === "pendingacceptance");
  return waiting.flatMap(({ endpointId, ownerAccount }): Sign[] => {
    const from = network.parties.find(({ accountId }) => accountId === ownerAccount)?.partyId;
    if (from === undefined || from === to) return [];
    const found = `endpoint ${endpointId} of party ${from} waits to be accepted by party ${to}`;
    return [pending({ from, to }, to, found, { endpointId, serviceName: facts.serviceName })];
  });
}

/** Over public addresses the peer's firewall decides, so it is of the one who is to be reached. */
function publicRuleSigns({ cloud, facts, network, isDown }: Context): Sign[] {
  const { partyId: to } = cloud;
  const rules = known(cloud.groupRules)?.filter(({ direction }) => direction === "in");
  if (rules === undefined) return [];
  return network.parties.flatMap(({ partyId: from, addresses }): Sign[] => {
    const link = { from, to };
    if (from === to || addresses.length === 0 || !isDown(link)) return [];
    const shut = addresses.filter((address) => !rules.some(({ others }) => contains(others, address)));
    if (shut.length === 0) return [];
    const found = `no security group of party ${to} lets ${shut.join(", ")} of party ${from} in at the peers' port`;
    const next = `npx quorate cards sync, then: ${refreshThenUp(to, facts.stack)}`;
    return [
      sign(
        "SECURITY_GROUP_CLOSED",
        to,
        to,
        { found, expected: `a rule for each address of party ${from}`, next },
        { links: [link] },
      ),
    ];
  });
}

/** Whether a rule for a block of addresses is about this one. A list of blocks or another group may be: it is taken for one that is. */
function contains(others: string, address: string): boolean {
  const [network = "", length] = others.split("/");
  if (!/^\d+(?:\.\d+){3}$/.test(network)) return others !== "nobody" && !others.includes(":");
  const bits = (text: string) => text.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - Number(length ?? 32));
  return Math.floor(bits(network) / size) === Math.floor(bits(address) / size);
}

/* What the core may do. */

function keySigns({ cloud, facts }: Context): Sign[] {
  const policy = known(cloud.keyPolicy);
  const { partyId } = cloud;
  if (policy === null || facts.release === null || policy.unattested) return [];
  const { version, pcr0 } = facts.release;
  if (policy.pcr0s.includes(pcr0)) return [];
  const listed = policy.pcr0s.map((one) => `${one.slice(0, 12)}…`).join(", ") || "no enclave";
  return [
    sign("PCR_NOT_IN_KEY_POLICY", partyId, partyId, {
      found: `its key's policy lets ${listed} unseal, and it runs release ${version} with PCR0 ${pcr0.slice(0, 12)}…`,
      expected: "the PCR0 of the release that runs",
      next: `${refreshThenUp(partyId, facts.stack)}; a new release needs its PCR0 in the policy before it runs`,
    }),
  ];
}

function trustSigns({ cloud, facts }: Context): Sign[] {
  const trust = known(cloud.coreTrust);
  const { partyId } = cloud;
  if (trust === null || trust.subjects.length === 0) return [];
  const fits = trust.subjects.some((subject) => isLike(subject, facts.subject));
  const heard = trust.audiences.length === 0 || trust.audiences.some((one) => isLike(one, "sts.amazonaws.com"));
  if (fits && heard) return [];
  return [
    sign("ROLE_NOT_ASSUMED", partyId, partyId, {
      found: fits
        ? `the core's role trusts tokens for ${trust.audiences.join(", ")} only`
        : `the core's role trusts ${trust.subjects.join(", ")}, and the core is ${facts.subject}`,
      expected: `a role that trusts ${facts.subject} for sts.amazonaws.com`,
      next: refreshThenUp(partyId, facts.stack),
    }),
  ];
}

function vaultSigns({ cloud: { partyId, vaults, vaultPolicies }, facts }: Context): Sign[] {
  return (["public", "private"] as const).flatMap((role): Sign[] => {
    const refuses = known(vaultPolicies[role])?.refuses ?? [];
    const [first] = refuses;
    if (first !== undefined)
      return [
        sign("VAULT_DENIED", partyId, partyId, {
          found: `the policy of its ${role} vault refuses the core's role ${refuses.map(({ action }) => action).join(", ")} (${first.statement})`,
          expected: "policies of vault and role that let the core's role in",
          next: refreshThenUp(partyId, facts.stack),
        }),
      ];
    if (known(vaults[role]) !== "missing") return [];
    return [
      sign("VAULT_DENIED", partyId, partyId, {
        found: `the bucket of its ${role} vault is not there`,
        expected: `the ${role} vault`,
        next: `do not bring it up anew: its keys were in it. Party ${partyId} finds out who took it away, and restores it from the backup`,
      }),
    ];
  });
}
