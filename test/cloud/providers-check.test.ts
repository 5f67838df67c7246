import { expect, test } from "vitest";
import { checkInputs } from "../../devnet/cloud/providers/check-inputs.ts";
import { diffInputs } from "../../devnet/cloud/providers/diff-inputs.ts";
import {
  decode,
  encode,
  holdsSecret,
  keepSecret,
  type Properties,
  reveal,
  Secret,
  unknown,
} from "../../devnet/cloud/providers/property-values.ts";
import { type ResourceShape, resourceTable } from "../../devnet/cloud/providers/resource-table.ts";

const shapeOf = (type: string) => resourceTable[type] as ResourceShape;
const check = (type: string, news: Properties, olds: Properties = {}) =>
  checkInputs(shapeOf(type), { name: "logical", olds, news, randomSeed: new Uint8Array([1]) });

test("an input that is missing, unknown to the type or of the wrong shape is named with its path", () => {
  const { failures } = check("aws:eks/nodeGroup:NodeGroup", {
    clusterName: "c",
    nodeRoleArn: "r",
    subnetIds: "subnet-1",
    scalingConfig: { minSize: "1", maxSize: "many" },
    taints: [{ key: "k" }],
    colour: "red",
  });
  expect(failures.map(({ property }) => property).sort()).toEqual([
    "colour",
    "scalingConfig.desiredSize",
    "scalingConfig.maxSize",
    "subnetIds",
    "taints[0].effect",
  ]);
});

test("what is not known yet counts as given, also inside a document", () => {
  const { inputs, failures } = check("aws:iam/role:Role", {
    assumeRolePolicy: { Statement: [{ Principal: unknown }] },
  });
  expect(failures).toEqual([]);
  expect(inputs.assumeRolePolicy).toBe(unknown);
});

test("a name is made up once, and kept as long as it was made up", () => {
  const first = check("aws:iam/role:Role", { assumeRolePolicy: "{}" }).inputs;
  expect(first.name).toMatch(/^logical-[0-9a-f]{7}$/);
  const second = checkInputs(shapeOf("aws:iam/role:Role"), {
    name: "logical",
    olds: first,
    news: { assumeRolePolicy: "{}" },
    randomSeed: new Uint8Array([2]),
  }).inputs;
  expect(second.name).toBe(first.name);
  expect(check("aws:iam/role:Role", { assumeRolePolicy: "{}", name: "mine" }, first).inputs.name).toBe("mine");
});

test("an invalid document is refused", () => {
  const { failures } = check("aws:kms/key:Key", { policy: "{" });
  expect(failures).toMatchObject([{ property: "policy" }]);
});

test("a change is an update or a replacement as the table says, and the same document in other words is none", () => {
  const shape = shapeOf("aws:iam/role:Role");
  const olds = { name: "a", path: "/", assumeRolePolicy: '{"A":1,"B":[2]}', tags: { x: "1" } };
  const news = { name: "b", assumeRolePolicy: '{ "B": [2], "A": 1 }', tags: { x: "2", y: "3" } };
  expect(diffInputs(shape, olds, news).detailed).toEqual({
    name: "update-replace",
    path: "delete-replace",
    "tags.x": "update",
    "tags.y": "add",
  });
  expect(diffInputs(shape, olds, news, ["name", "path", "tags"]).detailed).toEqual({});
});

test("values survive the wire: secrets stay secret, unknowns unknown, absent fields absent", () => {
  const values = { text: "t", list: [1, unknown], secret: new Secret({ deep: true }), gone: undefined };
  const back = decode(encode(values));
  expect(back).toEqual({ text: "t", list: [1, unknown], secret: new Secret({ deep: true }) });
  expect(holdsSecret(back.secret)).toBe(true);
  expect(reveal(back).secret).toEqual({ deep: true });
});

test("an output is as secret as the input of the same name", () => {
  const outputs = keepSecret({ a: "1", b: "2", result: "3" }, { a: new Secret("1"), b: "2" }, ["result"]);
  expect(outputs).toEqual({ a: new Secret("1"), b: "2", result: new Secret("3") });
});
