import { createHash, randomBytes, randomInt } from "node:crypto";
import { checkInputs } from "./check-inputs.ts";
import { diffInputs } from "./diff-inputs.ts";
import type { Connection, ProviderPackage } from "./package-server.ts";
import { keepSecret, type Properties, reveal, unknown } from "./property-values.ts";
import { type ResourceShape, resourceTable } from "./resource-table.ts";

/** The stand-in for the `random` package: everything is in the state, so there is nothing to reach. */
export function randomPackage(): ProviderPackage {
  return { version: "4.21.2", configure: async () => connection };
}

function lookUp(type: string): ResourceShape {
  const shape = resourceTable[type];
  if (!shape || !generators[type]) throw new Error(`the stand-in random provider has no resource type ${type}`);
  return shape;
}

const connection: Connection = {
  check: (call, request) => checkInputs(lookUp(call.type), { ...request, name: call.name }),
  diff: (call, { oldInputs, newInputs, ignoreChanges }) =>
    diffInputs(lookUp(call.type), oldInputs, newInputs, ignoreChanges),
  async create(call, { inputs, preview }) {
    const shape = lookUp(call.type);
    const known = { ...shape.defaults, ...inputs };
    const outputs = preview
      ? { ...known, ...Object.fromEntries(shape.outputs.map((name) => [name, unknown])) }
      : { ...known, ...generators[call.type]?.(reveal(known)) };
    const { id = "", ...properties } = outputs as Properties & { id?: string };
    return { id: preview ? "" : id, outputs: keepSecret(properties, inputs, shape.secrets) };
  },
  async read(call, { id, inputs, state }) {
    const shape = lookUp(call.type);
    if (Object.keys(state).length > 0) return { id, inputs, outputs: keepSecret(state, inputs, shape.secrets) };
    if (call.type !== "random:index/randomId:RandomId") throw new Error(`${call.type} can't be imported`);
    const bytes = Buffer.from(id, "base64url");
    return { id, inputs: { byteLength: bytes.length }, outputs: { byteLength: bytes.length, ...spellings(bytes, "") } };
  },
  // Every input replaces; what is left is state whose spelling changed.
  update: async (call, { inputs, state }) => keepSecret({ ...state, ...inputs }, inputs, lookUp(call.type).secrets),
  delete: async () => undefined,
};

const spellings = (bytes: Buffer, prefix: string): Properties => ({
  b64Std: prefix + bytes.toString("base64"),
  b64Url: prefix + bytes.toString("base64url"),
  dec: prefix + BigInt(`0x${bytes.toString("hex") || "0"}`).toString(),
  hex: prefix + bytes.toString("hex"),
});

const alphabets = {
  lower: "abcdefghijklmnopqrstuvwxyz",
  upper: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
  numeric: "0123456789",
  special: "!@#$%&*()-_=+[]{}<>:?",
};

function generateText(inputs: Properties): string {
  const special = String(inputs.overrideSpecial ?? alphabets.special);
  const kinds = [
    { use: inputs.lower !== false, least: Number(inputs.minLower ?? 0), letters: alphabets.lower },
    { use: inputs.upper !== false, least: Number(inputs.minUpper ?? 0), letters: alphabets.upper },
    {
      use: inputs.numeric !== false && inputs.number !== false,
      least: Number(inputs.minNumeric ?? 0),
      letters: alphabets.numeric,
    },
    { use: inputs.special !== false, least: Number(inputs.minSpecial ?? 0), letters: special },
  ];
  const pick = (letters: string) => letters[randomInt(letters.length)] ?? "";
  const all = kinds.map(({ use, letters }) => (use ? letters : "")).join("");
  if (all === "") throw new Error("at least one of lower, upper, numeric and special has to be true");
  const chosen = kinds.flatMap(({ least, letters }) => Array.from({ length: least }, () => pick(letters)));
  const length = Number(inputs.length);
  if (chosen.length > length) throw new Error(`length ${length} is less than the sum of the minimums ${chosen.length}`);
  while (chosen.length < length) chosen.push(pick(all));
  for (let index = chosen.length - 1; index > 0; index--) {
    const other = randomInt(index + 1);
    [chosen[index], chosen[other]] = [chosen[other] ?? "", chosen[index] ?? ""];
  }
  return chosen.join("");
}

const generators: { readonly [type: string]: (inputs: Properties) => Properties & { id: string } } = {
  "random:index/randomId:RandomId": (inputs) => {
    const bytes = randomBytes(Number(inputs.byteLength));
    return { id: bytes.toString("base64url"), ...spellings(bytes, String(inputs.prefix ?? "")) };
  },
  "random:index/randomString:RandomString": (inputs) => {
    const result = generateText(inputs);
    return { id: result, result };
  },
  "random:index/randomPassword:RandomPassword": (inputs) => {
    const result = generateText(inputs);
    // Nobody here verifies it: any text of bcrypt's form will do, as long as it depends on the password.
    const digest = createHash("sha256").update(result).digest("base64url").padEnd(53, ".");
    return { id: "none", result, bcryptHash: `$2a$10$${digest.slice(0, 53)}` };
  },
};
