import { createRequire } from "node:module";

/**
 * A resource's properties as JavaScript values. Text, numbers, lists and objects stand for themselves; what is not known yet is `unknown`; what
 * must stay hidden is a `Secret`. Assets, archives and resource references keep the wire's own objects: they only pass through.
 */
export type Properties = { [name: string]: unknown };

/** A value that only an update will know. */
export const unknown = Symbol("unknown until the update");

export class Secret {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value instanceof Secret ? value.value : value;
  }
}

// Signatures of the engine's protocol: an object with this key is not an object but one of these.
const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const outputSignature = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
const resourceSignature = "5cf8f73096256a8f31e491e813e4eb8e";
// What the engine writes for an unknown of any kind; it sends others for numbers, lists and so on, and accepts this one for all.
const unknownString = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const unknownStrings = new Set([
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  unknownString,
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

export interface Struct {
  toJavaScript(): { [name: string]: unknown };
}

// The messages of @pulumi/pulumi work only with the google-protobuf that it brings itself.
const bring = createRequire(import.meta.resolve("@pulumi/pulumi/proto/provider_pb.js"));
const structs = bring("google-protobuf/google/protobuf/struct_pb.js") as {
  Struct: { fromJavaScript(value: object): Struct };
};
/** The empty answer of calls that return nothing. */
export const { Empty } = bring("google-protobuf/google/protobuf/empty_pb.js") as { Empty: new () => object };
/** Carrier of an error's details. */
export const { Any } = bring("google-protobuf/google/protobuf/any_pb.js") as {
  Any: new () => { pack(bytes: Uint8Array, type: string): void };
};

/** Wire → values. */
export function decode(struct: unknown): Properties {
  return struct ? (decodeValue((struct as Struct).toJavaScript()) as Properties) : {};
}

function decodeValue(value: unknown): unknown {
  if (typeof value === "string") return unknownStrings.has(value) ? unknown : value;
  if (Array.isArray(value)) return value.map(decodeValue);
  if (value === null || typeof value !== "object") return value;
  const fields = value as Properties;
  if (fields[signatureKey] === secretSignature) return new Secret(decodeValue(fields.value));
  if (fields[signatureKey] === outputSignature) {
    const inner = "value" in fields ? decodeValue(fields.value) : unknown;
    return fields.secret === true ? new Secret(inner) : inner;
  }
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, decodeValue(field)]));
}

/** Values → wire. Fields that are undefined are left out. */
export function encode(properties: Properties): Struct {
  return structs.Struct.fromJavaScript(encodeValue(properties) as object);
}

function encodeValue(value: unknown): unknown {
  if (value === unknown) return unknownString;
  if (value instanceof Secret) return { [signatureKey]: secretSignature, value: encodeValue(value.value) };
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map(encodeValue);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, field]) => (field === undefined ? [] : [[name, encodeValue(field)]])),
  );
}

/** How one resource's property names another resource. */
export function resourceReference(urn: string, id: unknown): Properties {
  return { [signatureKey]: resourceSignature, urn, id, packageVersion: "" };
}

/** The URN of a resource reference; undefined for any other value. */
export function referencedUrn(value: unknown): string | undefined {
  const fields = value as Properties | null;
  return typeof fields === "object" && fields?.[signatureKey] === resourceSignature ? String(fields.urn) : undefined;
}

/** The value without its secrecy, at any depth. For the store and for comparing, never for an answer. */
export function reveal<T>(value: T): T;
export function reveal(value: unknown): unknown {
  if (value instanceof Secret) return reveal(value.value);
  if (Array.isArray(value)) return value.map(reveal);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, reveal(field)]));
}

export function holds(value: unknown, test: (leaf: unknown) => boolean): boolean {
  if (test(value)) return true;
  if (value instanceof Secret) return holds(value.value, test);
  if (Array.isArray(value)) return value.some((item) => holds(item, test));
  if (value === null || typeof value !== "object") return false;
  return Object.values(value).some((field) => holds(field, test));
}

export const holdsUnknown = (value: unknown): boolean => holds(value, (leaf) => leaf === unknown);
export const holdsSecret = (value: unknown): boolean => holds(value, (leaf) => leaf instanceof Secret);

/** Outputs are as secret as the inputs of the same name. */
export function keepSecret(outputs: Properties, inputs: Properties, always: readonly string[] = []): Properties {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) =>
      value !== undefined && (always.includes(name) || holdsSecret(inputs[name]))
        ? [name, new Secret(reveal(value))]
        : [name, value],
    ),
  );
}

/** Deep equality of values, whatever their secrecy. Null and absent are the same: the engine drops one for the other. */
export function same(a: unknown, b: unknown): boolean {
  if (a instanceof Secret) return same(a.value, b);
  if (b instanceof Secret) return same(a, b.value);
  if (a === b || (a ?? null) === (b ?? null)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]));
  const left = a as Properties;
  const right = b as Properties;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((name) => same(left[name], right[name]));
}
