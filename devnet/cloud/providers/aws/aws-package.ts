import type { CloudAccount } from "../../config.ts";
import type { CloudStore, StoredResource } from "../../store.ts";
import { checkInputs } from "../check-inputs.ts";
import { diffInputs, sameDocument } from "../diff-inputs.ts";
import { type CheckResult, type Connection, InitFailed, type ProviderPackage } from "../package-server.ts";
import { holdsUnknown, keepSecret, type Properties, reveal, same, unknown } from "../property-values.ts";
import { type ResourceShape, resourceTable } from "../resource-table.ts";
import { type AwsCaller, type AwsResource, record, text } from "./aws-resource.ts";
import { cloudtrailResources } from "./cloudtrail.ts";
import { ec2Resources } from "./ec2.ts";
import { eksResources } from "./eks.ts";
import { endpointServiceResources } from "./endpoint-service.ts";
import { iamResources } from "./iam.ts";
import { invokes } from "./invokes.ts";
import { kmsResources } from "./kms.ts";
import { rdsResources } from "./rds.ts";
import { route53Resources } from "./route53.ts";
import { s3Resources } from "./s3.ts";

const resources: { readonly [type: string]: AwsResource } = {
  ...s3Resources,
  ...kmsResources,
  ...iamResources,
  ...ec2Resources,
  ...eksResources,
  ...cloudtrailResources,
  ...endpointServiceResources,
  ...rdsResources,
  ...route53Resources,
};

export interface AwsPackageOptions {
  store: CloudStore;
  accounts: readonly CloudAccount[];
  endpointServices: { readonly [serviceName: string]: number };
}

/** The stand-in for the `aws` package: each provider resource acts in the account that its profile stands for. */
export function awsPackage(options: AwsPackageOptions): ProviderPackage {
  const makings: Makings = new Map();
  return {
    version: "7.48.0",
    async configure(inputs) {
      const account = findAccount(options.accounts, inputs);
      const region = text(inputs.region ?? account.region);
      const defaultTags = record(record(fromJson(inputs.defaultTags)).tags);
      const callerWith = (signal: AbortSignal): AwsCaller => ({
        account,
        region,
        store: options.store.account(account.accountId),
        cloud: options.store,
        endpointServices: options.endpointServices,
        signal,
      });
      return connection(callerWith, defaultTags, makings);
    },
  };
}

/** A provider's inputs arrive as text: what is not text by nature is JSON. */
function fromJson(value: unknown): unknown {
  return typeof value === "string" ? JSON.parse(value) : value;
}

function findAccount(accounts: readonly CloudAccount[], inputs: Properties): CloudAccount {
  const revealed = reveal(inputs);
  const profile = revealed.profile;
  const account =
    profile === undefined
      ? accounts.find(({ accessKeyId }) => accessKeyId === revealed.accessKey)
      : accounts.find((each) => each.profile === profile);
  if (!account && profile !== undefined)
    throw new Error(
      `unable to validate AWS credentials.\nDetails: failed to get shared config profile, ${text(profile)}\nMake sure you have set your AWS region, e.g. \`pulumi config set aws:region us-west-2\`.`,
    );
  // AWS_PROFILE of whoever runs Pulumi never reaches a provider that was started by someone else.
  if (!account)
    throw new Error(
      "unable to validate AWS credentials.\nDetails: No valid credential sources found. Set `profile` on the aws.Provider, or aws:profile in the stack's configuration.",
    );
  const allowed = fromJson(revealed.allowedAccountIds) as string[] | undefined;
  const forbidden = fromJson(revealed.forbiddenAccountIds) as string[] | undefined;
  if ((allowed && !allowed.includes(account.accountId)) || forbidden?.includes(account.accountId))
    throw new Error(`AWS account ID not allowed: ${account.accountId}`);
  return account;
}

function lookUp(type: string): { shape: ResourceShape; resource: AwsResource } {
  const shape = resourceTable[type];
  const resource = resources[type];
  if (!shape || !resource)
    throw new Error(`the simulated cloud has no resource type ${type}; add it to resource-table.ts`);
  return { shape, resource };
}

/** What is in the making, by account, type and id. It goes on when the engine that asked for it goes away, as in AWS. */
type Makings = Map<string, Promise<Properties>>;

function connection(
  callerWith: (signal: AbortSignal) => AwsCaller,
  defaultTags: Properties,
  makings: Makings,
): Connection {
  const derive = (shape: ResourceShape, inputs: Properties, region: string): Properties => ({
    ...("region" in shape.inputs && { region: inputs.region ?? region }),
    ...(shape.outputs.includes("tagsAll") && { tagsAll: mergeTags(defaultTags, inputs.tags) }),
  });
  const { region } = callerWith(new AbortController().signal);
  const make = (resource: AwsResource, { type, id, props }: Written): Promise<Properties> => {
    const caller = callerWith(new AbortController().signal);
    const key = `${caller.account.accountId} ${type} ${id}`;
    const running = makings.get(key);
    if (running) return running;
    const making = settle(resource, caller, { type, id, props, before: undefined }).finally(() => makings.delete(key));
    makings.set(key, making);
    return making;
  };
  return {
    check(call, request): CheckResult {
      const { shape } = lookUp(call.type);
      const result = checkInputs(shape, { ...request, name: call.name });
      if (call.type === "aws:kms/alias:Alias") return checkAlias(result);
      if (call.type === "aws:s3/bucket:Bucket" && typeof result.inputs.bucket === "string")
        result.inputs.bucket =
          request.news.bucket === undefined ? bucketName(result.inputs.bucket) : result.inputs.bucket;
      return result;
    },

    diff(call, { oldInputs, oldOutputs, newInputs, ignoreChanges }) {
      const { shape } = lookUp(call.type);
      const result = diffInputs(shape, oldInputs, newInputs, ignoreChanges);
      const wanted = derive(shape, newInputs, region);
      if (shape.outputs.includes("tagsAll") && !same(oldOutputs.tagsAll, wanted.tagsAll) && !result.detailed.tags)
        if (!ignoreChanges.includes("tagsAll")) result.detailed.tagsAll = "update";
      const replaced = Object.values(result.detailed).some((kind) => kind.endsWith("replace"));
      // With a name of its own giving, the old resource is in the new one's way.
      const field = shape.name;
      const keepsName = field !== undefined && same(oldInputs[field], newInputs[field]);
      return replaced && (keepsName || sharesIdentity(call.type)) ? { ...result, deleteBeforeReplace: true } : result;
    },

    async create(call, { inputs, preview }) {
      const { shape, resource } = lookUp(call.type);
      const known = inputProps(shape, inputs, derive(shape, inputs, region));
      if (preview) return { id: "", outputs: { ...known, ...unknowns(shape, known) } };
      const caller = callerWith(call.signal);
      const { id, computed } = resource.create(caller, reveal(inputs));
      const props = { ...reveal(known), ...computed };
      await caller.store.put({ type: call.type, id, props });
      const making = untilAborted(make(resource, { type: call.type, id, props }), call.signal);
      const outputs = await making.catch((failure: Error) => {
        throw new InitFailed(id, answer(props, inputs, shape), inputs, [failure.message]);
      });
      return { id, outputs: answer(outputs, inputs, shape) };
    },

    async read(call, { id, inputs, state }) {
      const { shape, resource } = lookUp(call.type);
      const caller = callerWith(call.signal);
      const found = caller.store.get(call.type, id);
      if (!found || resource.gone?.(found.props)) return undefined;
      if (found.props.status === "CREATING")
        make(resource, found).catch(async () => {
          await caller.store.put({ ...found, props: { ...found.props, status: "CREATE_FAILED" } });
        });
      return {
        id,
        inputs: keepSecret(liveInputs(shape, { inputs, state, props: found.props }), inputs),
        outputs: answer(keepSpelling(state, found.props), inputs, shape),
      };
    },

    async update(call, { id, inputs, state, preview }) {
      const { shape, resource } = lookUp(call.type);
      const known = inputProps(shape, inputs, derive(shape, inputs, region));
      if (preview) {
        const outputs = Object.fromEntries(shape.outputs.map((name) => [name, known[name] ?? state[name]]));
        const computed = Object.fromEntries((shape.computed ?? []).map((name) => [name, known[name] ?? state[name]]));
        return { ...known, ...computed, ...outputs, ...unknownAfter(call.type, known) };
      }
      const caller = callerWith(call.signal);
      const found = caller.store.get(call.type, id);
      if (!found || resource.gone?.(found.props))
        throw new Error(`${call.type} ${id} no longer exists; run pulumi refresh`);
      const before = found.props;
      const kept = Object.fromEntries(
        Object.entries(before).filter(([name]) => !isInput(shape, name) || shape.computed?.includes(name)),
      );
      const computed = resource.update?.(caller, id, reveal(inputs), before) ?? {};
      const props = { ...kept, ...reveal(known), ...computed };
      await caller.store.put({ type: call.type, id, props });
      const outputs = await settle(resource, caller, { type: call.type, id, props, before }).catch((failure: Error) => {
        throw new InitFailed(id, answer(props, inputs, shape), inputs, [failure.message]);
      });
      return answer(outputs, inputs, shape);
    },

    async delete(call, { id }) {
      const { resource } = lookUp(call.type);
      const caller = callerWith(call.signal);
      const found = caller.store.get(call.type, id);
      if (!found || resource.gone?.(found.props)) return;
      await resource.remove?.(caller, id, found.props);
      if (!resource.gone) await caller.store.delete(call.type, id);
    },

    async invoke(token, args, signal) {
      const invoke = invokes[token];
      if (!invoke) throw new Error(`the simulated cloud has no function ${token}`);
      // The engine asks only with values that are known; a secret among them makes no difference to the answer.
      if (holdsUnknown(args)) throw new Error(`${token} was asked with unknown arguments`);
      return invoke(callerWith(signal), reveal(args));
    },
  };
}

type Written = StoredResource & { before?: Properties | undefined };

/** Runs what takes time. The resource is in the store already: if this fails it is in Pulumi's state too, marked as not initialised. */
async function settle(
  resource: AwsResource,
  caller: AwsCaller,
  { type, id, props, before }: Written,
): Promise<Properties> {
  const added = await resource.settle?.(caller, id, props, before);
  if (!added || Object.keys(added).length === 0) return props;
  const settled = { ...props, ...added };
  await caller.store.put({ type, id, props: settled });
  return settled;
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

function answer(props: Properties, inputs: Properties, shape: ResourceShape): Properties {
  return keepSecret(props, inputs, shape.secrets);
}

const isInput = (shape: ResourceShape, name: string) => name in shape.inputs || `${name}!` in shape.inputs;

function inputProps(shape: ResourceShape, inputs: Properties, derived: Properties): Properties {
  const { __defaults: _bookkeeping, ...given } = inputs;
  return { ...shape.defaults, ...given, ...derived };
}

/** In the preview of a create, what only the cloud can say. */
function unknowns(shape: ResourceShape, known: Properties): Properties {
  const names = [...shape.outputs, ...(shape.computed ?? [])].filter((name) => known[name] === undefined);
  return Object.fromEntries(names.map((name) => [name, unknown]));
}

/** In the preview of an update, outputs that the update changes. */
function unknownAfter(type: string, known: Properties): Properties {
  if (type !== "aws:ec2/launchTemplate:LaunchTemplate") return {};
  return {
    latestVersion: unknown,
    ...(known.updateDefaultVersion === true && known.defaultVersion === undefined && { defaultVersion: unknown }),
  };
}

/** What the program would have to say to get what is there: its own inputs, and whatever else differs from the state. */
function liveInputs(
  shape: ResourceShape,
  { inputs, state, props }: { inputs: Properties; state: Properties; props: Properties },
): Properties {
  const imported = Object.keys(inputs).length === 0 && Object.keys(state).length === 0;
  // Of a state that was never read from the cloud nothing can have changed since: what AWS completes is no change.
  const neverRead = !imported && Object.keys(state).every((name) => name in inputs || name === "status");
  const result: Properties = "__defaults" in inputs ? { __defaults: inputs.__defaults } : {};
  for (const key of Object.keys(shape.inputs)) {
    const name = key.replace("!", "");
    const value = props[name];
    const old = inputs[name];
    if (old !== undefined) {
      // A spelling that says the same stays as the program has it; so does what AWS completes with its own defaults.
      const equal =
        (neverRead && covers(value, old)) ||
        same(old, value) ||
        sameDocument(old, value) ||
        (same(state[name], value) && value !== undefined);
      if (equal) result[name] = old;
      else if (value !== undefined && value !== null) result[name] = value;
    } else if (
      imported ? isWorthImporting(shape, name, value) : !neverRead && !same(state[name], value) && value !== undefined
    ) {
      result[name] = value;
    }
  }
  return result;
}

/** Whether all that is asked for is there, whatever else is. */
function covers(found: unknown, asked: unknown): boolean {
  if (same(found, asked)) return true;
  if (typeof asked !== "object" || asked === null || Array.isArray(asked)) return false;
  const rest = record(found);
  return Object.entries(asked).every(([name, value]) => covers(rest[name], value));
}

function isWorthImporting(shape: ResourceShape, name: string, value: unknown): boolean {
  if (value === undefined || value === null || value === "" || name === "region") return false;
  if (Array.isArray(value) && value.length === 0) return false;
  if (typeof value === "object" && !Array.isArray(value) && Object.keys(value).length === 0) return false;
  return !same(shape.defaults?.[name], value);
}

/** A document that was only written differently is not a change. */
function keepSpelling(state: Properties, props: Properties): Properties {
  return Object.fromEntries(
    Object.entries(props).map(([name, value]) => [name, sameDocument(state[name], value) ? state[name] : value]),
  );
}

function mergeTags(defaults: Properties, tags: unknown): unknown {
  const own = reveal(tags);
  if (own === unknown) return unknown;
  return { ...defaults, ...record(own) };
}

/** Types whose id is that of what they belong to: there is no second one beside the first. */
const sharesIdentity = (type: string) => type.startsWith("aws:s3/bucket") && type !== "aws:s3/bucket:Bucket";

/** Buckets are named in lower case, and a logical name may not be. */
const bucketName = (name: string) => {
  const [, base = name, suffix = ""] = /^(.*)(-[0-9a-f]{7})$/.exec(name) ?? [];
  return `${base
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, "-")
    .slice(0, 55)}${suffix}`;
};

function checkAlias(result: CheckResult): CheckResult {
  const { name } = result.inputs;
  if (typeof name !== "string" || name.startsWith("alias/")) return result;
  if (Array.isArray(result.inputs.__defaults)) result.inputs.name = `alias/${name}`;
  else result.failures.push({ property: "name", reason: `"name" must begin with "alias/", found ${name}` });
  return result;
}
