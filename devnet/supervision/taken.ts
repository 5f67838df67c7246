import { z } from "zod";
import { type KubeClient, KubeError, type KubeObject } from "../clusters/kube-client.ts";
import { Fault } from "../fault.ts";
import { readIfThere, writeWhole } from "../files.ts";

const Properties = z.record(z.string(), z.unknown());

/** One thing that a fault took away or changed, with all that it takes to put it back. */
export const Taken = z.discriminatedUnion("what", [
  /** A Kubernetes object that was deleted; `path` is of its collection. */
  z.strictObject({ what: z.literal("object"), party: z.int(), path: z.string(), object: z.looseObject({}) }),
  /** A node's status: what it offered. */
  z.strictObject({
    what: z.literal("node-status"),
    party: z.int(),
    node: z.string(),
    was: Properties,
    left: Properties,
  }),
  /** A kubelet that was stopped. */
  z.strictObject({ what: z.literal("kubelet"), party: z.int(), node: z.string() }),
  /** A resource of an account: made by the fault (`was` is null), deleted (`left` is null), or with these properties changed. */
  z.strictObject({
    what: z.literal("resource"),
    accountId: z.string(),
    type: z.string(),
    id: z.string(),
    was: Properties.nullable(),
    left: Properties.nullable(),
  }),
  /** An object of a party's own vault that was deleted; its bytes are in base64. */
  z.strictObject({
    what: z.literal("vault-object"),
    party: z.int(),
    bucket: z.string(),
    key: z.string(),
    body: z.string(),
    contentType: z.string().nullable(),
  }),
]);
export type Taken = z.infer<typeof Taken>;

const Entry = z.strictObject({ fault: Fault, things: z.array(Taken) });
export type TakenEntry = z.infer<typeof Entry>;

/** An object of a vault, with its bytes in base64. */
export interface VaultObject {
  key: string;
  body: string;
  contentType: string | null;
}

/** A resource of the simulated cloud, as its control interface tells and takes it. */
export interface CloudResource {
  type: string;
  id: string;
  props: Record<string, unknown>;
}

export interface TakenWorld {
  client(party: number): Pick<KubeClient, "get" | "post" | "mergePatch" | "delete">;
  resources(accountId: string): Promise<CloudResource[]>;
  putResource(accountId: string, resource: CloudResource): Promise<void>;
  deleteResource(accountId: string, named: { type: string; id: string }): Promise<void>;
  deleteObject(party: number, bucket: string, key: string): Promise<void>;
  /** Puts an object into a party's vault, unless one is there again. */
  putObject(party: number, bucket: string, object: VaultObject): Promise<void>;
  stopKubelet(party: number, node: string): Promise<void>;
  /** Has the kubelet of a node work again, and waits until it does. */
  startKubelet(party: number, node: string): Promise<void>;
}

/**
 * What faults took out of clusters and accounts. It is written down before it is taken, so that it is put back even by a
 * devnet that is started after this one was killed.
 */
export class TakenThings {
  readonly #file: string;
  readonly #world: TakenWorld;
  #entries: TakenEntry[];

  constructor(file: string, world: TakenWorld) {
    this.#file = file;
    this.#world = world;
    const text = readIfThere(file);
    this.#entries = text === null ? [] : z.array(Entry).parse(JSON.parse(text));
  }

  get faults(): Fault[] {
    return this.#entries.map(({ fault }) => fault);
  }

  has(fault: Fault): boolean {
    return this.#entries.some((entry) => JSON.stringify(entry.fault) === JSON.stringify(fault));
  }

  /** Writes down what is about to be taken, then takes it. */
  async take(fault: Fault, things: readonly Taken[]): Promise<void> {
    this.#write([...this.#entries, { fault, things: [...things] }]);
    for (const thing of things) await this.#takeOne(thing);
  }

  /** Puts everything back, the last first; what somebody else has changed meanwhile stays as they made it. */
  async putBack(): Promise<void> {
    for (let entry = this.#entries.at(-1); entry !== undefined; entry = this.#entries.at(-1)) {
      for (const thing of entry.things.toReversed()) await this.#putBackOne(thing);
      this.#write(this.#entries.slice(0, -1));
    }
  }

  #write(entries: TakenEntry[]): void {
    this.#entries = entries;
    writeWhole(this.#file, `${JSON.stringify(entries, undefined, 2)}\n`);
  }

  async #takeOne(thing: Taken): Promise<void> {
    switch (thing.what) {
      case "object": {
        const { metadata } = thing.object as unknown as KubeObject;
        return await ifThere(this.#world.client(thing.party).delete(`${thing.path}/${metadata.name}`));
      }
      case "node-status":
        return await this.#patchNode(thing, thing.left);
      case "kubelet":
        return await ifThere(this.#world.stopKubelet(thing.party, thing.node));
      case "resource":
        return await this.#changeResource(thing, thing.was, thing.left);
      case "vault-object":
        return await this.#world.deleteObject(thing.party, thing.bucket, thing.key);
    }
  }

  async #putBackOne(thing: Taken): Promise<void> {
    switch (thing.what) {
      case "object":
        // Made again meanwhile, by an update or by hand: that one counts.
        return await ifThere(this.#world.client(thing.party).post(thing.path, thing.object));
      case "node-status":
        return await this.#patchNode(thing, thing.was);
      case "kubelet":
        return await ifThere(this.#world.startKubelet(thing.party, thing.node));
      case "resource":
        return await this.#changeResource(thing, thing.left, thing.was);
      case "vault-object": {
        const { party, bucket, key, body, contentType } = thing;
        return await this.#world.putObject(party, bucket, { key, body, contentType });
      }
    }
  }

  async #patchNode({ party, node }: Extract<Taken, { what: "node-status" }>, status: Record<string, unknown>) {
    await ifThere(this.#world.client(party).mergePatch(`/api/v1/nodes/${node}/status`, { status }));
  }

  async #changeResource(
    { accountId, type, id }: Extract<Taken, { what: "resource" }>,
    from: Record<string, unknown> | null,
    to: Record<string, unknown> | null,
  ): Promise<void> {
    const all = await this.#world.resources(accountId);
    const there = all.find((each) => each.type === type && each.id === id);
    if (to === null) {
      if (there !== undefined) await this.#world.deleteResource(accountId, { type, id });
    } else if (from === null) {
      const isTwin = (each: CloudResource) => each.type === type && meaning(each.props) === meaning(to);
      if (there === undefined && !all.some(isTwin)) await this.#world.putResource(accountId, { type, id, props: to });
    } else if (
      there !== undefined &&
      Object.entries(from).every(([name, value]) => JSON.stringify(there.props[name]) === JSON.stringify(value))
    )
      await this.#world.putResource(accountId, { type, id, props: { ...there.props, ...to } });
  }
}

/** A resource without what tells it from another that does the same. */
function meaning(props: Record<string, unknown>): string {
  const { arn: _arn, securityGroupRuleId: _id, ...rest } = props;
  return JSON.stringify(Object.entries(rest).sort(([a], [b]) => a.localeCompare(b)));
}

/** Objects that are gone, are there again, or were replaced need nothing of this. */
async function ifThere(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof KubeError && (error.status === 404 || error.status === 409))) throw error;
  }
}

/** An object as it can be made again: without what the API server writes itself. */
export function restorable(object: KubeObject): Record<string, unknown> {
  const {
    uid: _uid,
    resourceVersion: _version,
    ...metadata
  } = object.metadata as Record<string, unknown> & KubeObject["metadata"];
  const { status: _status, ...rest } = object as KubeObject & { status?: unknown };
  for (const own of ["creationTimestamp", "generation", "selfLink"]) delete (metadata as Record<string, unknown>)[own];
  return { ...rest, metadata };
}
