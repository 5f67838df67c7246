import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { z } from "zod";
import type { AwsAnswer, CloudContext } from "./aws-call.ts";
import { offeredBy } from "./endpoint-services.ts";
import { balancerOf, settleBalancer, WantedBalancer } from "./load-balancers.ts";
import { privateWays } from "./private-ways.ts";
import { publicWays } from "./public-ways.ts";
import type { AccountStore } from "./store.ts";

const endpointType = "aws:ec2/vpcEndpoint:VpcEndpoint";

/** States that a VPC endpoint can be in. @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcEndpoint.html */
const EndpointState = z.enum([
  "pendingAcceptance",
  "pending",
  "available",
  "deleting",
  "deleted",
  "rejected",
  "failed",
]);

/** One VPC endpoint, as `GET /devnet/accounts/<id>/vpc-endpoints` lists it for the DNS servers. */
export const DevnetEndpoint = z.strictObject({
  id: z.string(),
  dnsName: z.string().nullable(),
  serviceName: z.string().nullable(),
  /** Party that offers the service; null for AWS's own services. */
  partyId: z.int().nullable(),
  state: EndpointState,
});
export type DevnetEndpoint = z.infer<typeof DevnetEndpoint>;

/**
 * Endpoints for the devnet itself, behind the bearer token of the config:
 * `GET /devnet/health`, `GET /devnet/accounts`, `GET /devnet/accounts/<id>/resources`, `GET /devnet/accounts/<id>/vpc-endpoints`,
 * `GET /devnet/accounts/<id>/public-ways`, `GET /devnet/private-ways/<port>`,
 * `PUT /devnet/accounts/<id>/resources` with a whole resource, `DELETE /devnet/accounts/<id>/resources` with its `type` and `id`,
 * `PUT /devnet/accounts/<id>/load-balancers` with what a controller asks for, `DELETE /devnet/accounts/<id>/load-balancers/<namespace>%2F<service>`,
 * `PUT /devnet/accounts/<id>/vpc-endpoints/<endpoint id>/state` with `{ "state": "rejected" }`.
 */
export async function answerControl(
  request: IncomingMessage,
  path: string,
  body: Buffer,
  cloud: CloudContext,
): Promise<AwsAnswer> {
  if (!isAuthorized(request.headers.authorization, cloud.config.controlToken))
    return json(401, { error: "needs the control token as a bearer token" });
  const [, , collection, accountId, what, id, aspect] = path.split("/").map(decodeURIComponent);
  const ask = `${request.method} ${[collection, accountId && "<id>", what, id && "<id>", aspect].filter(Boolean).join("/")}`;
  if (ask === "GET health") {
    const isReady = cloud.isReady();
    return json(isReady ? 200 : 503, { status: isReady ? "ok" : "starting", k: cloud.config.k });
  }
  const all = cloud.config.accounts;
  if (ask === "GET accounts")
    return json(200, { accounts: all.map(({ partyId, accountId }) => ({ partyId, accountId })) });
  if (request.method === "GET" && collection === "private-ways") {
    const of = (account: CloudContext["config"]["accounts"][number]) =>
      privateWays(cloud.store.account(account.accountId), account, Number(accountId), (name) => offeredBy(name, cloud));
    return json(200, { ways: all.flatMap(of) });
  }
  if (accountId === undefined || !all.some((each) => each.accountId === accountId))
    return json(404, { error: `no account ${accountId}` });
  const account = cloud.store.account(accountId);
  switch (ask) {
    case "GET accounts/<id>/resources":
      return json(200, { resources: account.types().flatMap((type) => account.list(type)) });
    case "PUT accounts/<id>/resources":
      return await putResource(account, body);
    case "DELETE accounts/<id>/resources":
      return await deleteResource(account, body);
    case "GET accounts/<id>/vpc-endpoints":
      return json(200, { endpoints: account.list(endpointType).map(({ id }) => render(account, id, cloud)) });
    case "GET accounts/<id>/public-ways":
      return json(200, publicWays(account));
    case "PUT accounts/<id>/load-balancers":
      return await putBalancer(account, body, cloud);
    case "DELETE accounts/<id>/load-balancers/<id>":
      return await deleteBalancer(account, id ?? "");
    case "PUT accounts/<id>/vpc-endpoints/<id>/state":
      return putEndpointState(account, id ?? "", body, cloud);
    default:
      return json(404, { error: `no such endpoint: ${ask}` });
  }
}

const Named = z.strictObject({ type: z.string().min(1), id: z.string().min(1) });
const Resource = z.strictObject({ ...Named.shape, props: z.record(z.string(), z.unknown()) });

/** What somebody does in the account behind the stack's back. */
async function putResource(account: AccountStore, body: Buffer): Promise<AwsAnswer> {
  const { data, error } = Resource.safeParse(JSON.parse(body.toString("utf8")));
  if (data === undefined) return json(400, { error: error.message });
  await account.put(data);
  return json(200, {});
}

async function deleteResource(account: AccountStore, body: Buffer): Promise<AwsAnswer> {
  const { data, error } = Named.safeParse(JSON.parse(body.toString("utf8")));
  if (data === undefined) return json(400, { error: error.message });
  await account.delete(data.type, data.id);
  return json(200, {});
}

async function putEndpointState(
  account: AccountStore,
  id: string,
  body: Buffer,
  cloud: CloudContext,
): Promise<AwsAnswer> {
  const endpoint = account.get(endpointType, id);
  if (!endpoint) return json(404, { error: `no VPC endpoint ${id} in account ${account.accountId}` });
  let state: z.infer<typeof EndpointState>;
  try {
    ({ state } = z.strictObject({ state: EndpointState }).parse(JSON.parse(body.toString("utf8"))));
  } catch (error) {
    return json(400, { error: (error as Error).message });
  }
  await account.put({ ...endpoint, props: { ...endpoint.props, state } });
  return json(200, render(account, id, cloud));
}

async function putBalancer(account: AccountStore, body: Buffer, cloud: CloudContext): Promise<AwsAnswer> {
  const owner = cloud.config.accounts.find(({ accountId }) => accountId === account.accountId);
  const wanted = WantedBalancer.safeParse(JSON.parse(body.toString("utf8")));
  if (owner === undefined || !wanted.success) return json(400, { error: wanted.error?.message ?? "no such account" });
  const { id, props } = await settleBalancer(account, owner, wanted.data, cloud.now().getTime());
  return json(200, { arn: id, dnsName: props.dnsName });
}

async function deleteBalancer(account: AccountStore, service: string): Promise<AwsAnswer> {
  const balancer = balancerOf(account, service);
  if (balancer !== undefined) await account.delete(balancer.type, balancer.id);
  return json(200, { deleted: balancer?.id ?? null });
}

function render(account: AccountStore, id: string, cloud: CloudContext): DevnetEndpoint {
  const props = account.get(endpointType, id)?.props ?? {};
  const [entry] = (props.dnsEntries ?? []) as { dnsName?: string }[];
  const serviceName = typeof props.serviceName === "string" ? props.serviceName : null;
  return {
    id,
    dnsName: entry?.dnsName ?? null,
    serviceName,
    partyId: serviceName === null ? null : offeredBy(serviceName, cloud),
    state: EndpointState.catch("available").parse(props.state),
  };
}

function isAuthorized(header: string | undefined, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(header ?? ""), digest(`Bearer ${token}`));
}

function json(status: number, body: object): AwsAnswer {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
