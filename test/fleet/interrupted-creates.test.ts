import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as aws from "@pulumi/aws";
import * as random from "@pulumi/random";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { StackState, StateResource } from "../../fleet/checkpoint.ts";
import { findCreated, type Place } from "../../fleet/created-resource.ts";
import {
  type Adoption,
  adoptInterruptedCreates,
  interruptedCreates,
  type StateDesk,
  type StateExport,
} from "../../fleet/interrupted-creates.ts";
import { stateDesk } from "../../fleet/state-desk.ts";
import { overHttp } from "../cloud/support/over-http.ts";
import { type TestCloud, testAccount, testCloud } from "../cloud/support/providers-stack.ts";

const tags = { network: "TEST", party: "1", "managed-by": "quorate" };
const { accountId, profile, region, vpc } = testAccount(1);
const place: Place = { accountId, profile, region, tags };
let cloud: TestCloud;
let http: Awaited<ReturnType<typeof overHttp>>;

beforeAll(async () => {
  cloud = await testCloud();
  http = await overHttp(cloud);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await http.close();
  await cloud[Symbol.asyncDispose]();
});

/** What a party makes of every kind: named by us, named by its place, named by AWS, and nothing in the cloud at all. */
const program = async () => {
  const provider = new aws.Provider("aws", { profile, region, defaultTags: { tags } });
  const opts = { provider };
  const suffix = new random.RandomId("suffix", { byteLength: 4 });
  const trust = JSON.stringify({ Version: "2012-10-17", Statement: [] });
  const role = new aws.iam.Role("role", { assumeRolePolicy: trust }, opts);
  const policyArn = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy";
  new aws.iam.RolePolicyAttachment("attachment", { role: role.name, policyArn }, opts);
  const url = "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF";
  new aws.iam.OpenIdConnectProvider("issuer", { url, clientIdLists: ["sts.amazonaws.com"] }, opts);
  const bucket = new aws.s3.Bucket("vault", { bucket: suffix.hex.apply((hex) => `vault-${hex}`) }, opts);
  new aws.s3.BucketVersioning(
    "versioning",
    { bucket: bucket.bucket, versioningConfiguration: { status: "Enabled" } },
    opts,
  );
  const group = new aws.ec2.SecurityGroup("group", { vpcId: vpc.vpcId, description: "peers" }, opts);
  const rule = { securityGroupId: group.id, ipProtocol: "tcp", cidrIpv4: "10.0.0.0/8" };
  new aws.vpc.SecurityGroupIngressRule("peer", { ...rule, fromPort: 50001, toPort: 50001 }, opts);
  new aws.vpc.SecurityGroupIngressRule("metrics", { ...rule, fromPort: 9646, toPort: 9646 }, opts);
  new aws.ec2.LaunchTemplate("template", { updateDefaultVersion: true }, opts);
};

const nameOf = ({ urn }: { urn: string }) => urn.split("::").at(-1) ?? "";

/** Writes the state as an engine leaves it that is killed while it makes these; of some the provider had told what it made. */
function killWhileMaking(stackName: string, names: string[], answered: string[] = []): void {
  const file = join(cloud.dir, ".pulumi", "stacks", "providers", `${stackName}.json`);
  const checkpoint = JSON.parse(readFileSync(file, "utf8")) as { checkpoint: { latest: StackState } };
  const { latest } = checkpoint.checkpoint;
  const begun = latest.resources?.filter((resource) => names.includes(nameOf(resource))) ?? [];
  latest.resources = latest.resources?.filter((resource) => !begun.includes(resource)) ?? [];
  latest.pending_operations = begun.map((whole) => {
    const { id: _id, outputs: _outputs, ...asked } = whole;
    return { type: "creating", resource: answered.includes(nameOf(whole)) ? whole : asked };
  });
  writeFileSync(file, JSON.stringify(checkpoint));
}

function listening(change: Partial<Adoption> = {}) {
  const told: string[] = [];
  const tell = (message: string) => void told.push(message);
  const adoption: Adoption = { partyId: 1, place, tell, pollMs: 1, ...change };
  return { told, adoption };
}

describe("with the real engine", () => {
  const leaves = ["attachment", "issuer", "versioning", "peer", "metrics", "template"];

  test("what was made is taken over, what was not is made, and nothing twice", async () => {
    const stack = await cloud.stack("killed", program);
    await stack.up();
    const account = cloud.store.account(accountId);
    const ids = () =>
      ["aws:iam/role:Role", "aws:ec2/launchTemplate:LaunchTemplate", "aws:s3/bucket:Bucket"].map((type) =>
        account.list(type).map(({ id }) => id),
      );
    const made = ids();
    const desk = stateDesk(stack, {});
    const whole = await desk.export();
    killWhileMaking("killed", leaves);
    await account.delete("aws:iam/rolePolicyAttachment:RolePolicyAttachment", attachmentOf(whole));

    const { told, adoption } = listening();
    await adoptInterruptedCreates(desk, adoption);
    expect(told.filter((line) => line.startsWith("taking over"))).toHaveLength(5);
    expect(told).toContain(
      "attachment (aws:iam/rolePolicyAttachment:RolePolicyAttachment) was not made before the engine was killed",
    );
    const settled = await desk.export();
    expect(settled.deployment.pending_operations ?? []).toEqual([]);
    expect((await stack.up()).summary.resourceChanges).toEqual({ same: 11, create: 1 });
    expect(ids()).toEqual(made);
    expect(interruptedCreates((await desk.export()).deployment)).toEqual([]);
  }, 120_000);

  test("what the provider had answered for is taken over as it is, and asked about no more", async () => {
    const stack = await cloud.stack("killed", program);
    const desk = stateDesk(stack, {});
    const before = await desk.export();
    killWhileMaking("killed", leaves, leaves);
    const { told, adoption } = listening();
    await adoptInterruptedCreates({ ...desk, refresh: () => Promise.reject(new Error("asked")) }, adoption);
    expect(told.filter((line) => line.startsWith("taking over"))).toHaveLength(leaves.length);
    const after = await desk.export();
    expect(after.deployment.pending_operations ?? []).toEqual([]);
    expect(idsOf(after)).toEqual(idsOf(before));
    expect((await stack.up()).summary.resourceChanges).toEqual({ same: 12 });
  }, 120_000);

  test("what someone else made under the same name stays theirs, and out of the state", async () => {
    const stack = await cloud.stack("killed", program);
    const desk = stateDesk(stack, {});
    const account = cloud.store.account(accountId);
    const template = account.list("aws:ec2/launchTemplate:LaunchTemplate")[0];
    if (!template) throw new Error("no launch template");
    await account.put({ ...template, props: { ...template.props, tagsAll: { owner: "someone" } } });
    killWhileMaking("killed", ["template"]);

    await expect(adoptInterruptedCreates(desk, listening().adoption)).rejects.toMatchObject({
      problem: {
        code: "INTERRUPTED_CREATE_FOREIGN",
        found: "tag network missing, tag party missing, tag managed-by missing",
        expected: "tag network = TEST, tag party = 1, tag managed-by = quorate",
      },
    });
    const names = (await desk.export()).deployment.resources?.map(nameOf);
    expect(names).toContain("group");
    expect(names).not.toContain("template");
    await stack.destroy();
    expect(account.get(template.type, template.id)).toBeDefined();
  }, 120_000);
});

const idsOf = (state: StateExport) =>
  Object.fromEntries((state.deployment.resources ?? []).map((resource) => [resource.urn, resource.id]));

const attachmentOf = (state: StateExport) =>
  String(state.deployment.resources?.find((resource) => nameOf(resource) === "attachment")?.id);

/** A desk whose cluster is found with these, look after look; undefined where it is not there, an error where it can't be told. */
function deskWith(...looks: (string | Error | undefined)[]) {
  const cluster = { urn: "urn::cluster", type: "aws:eks/cluster:Cluster", custom: true, inputs: { name: "kms" } };
  let state: StateExport = {
    version: 3,
    deployment: { resources: [], pending_operations: [{ type: "creating", resource: cluster }] },
  };
  const desk: StateDesk = {
    export: async () => state,
    import: async ({ deployment: { pending_operations: _dropped, ...deployment }, version }) => {
      state = { version, deployment };
    },
    refresh: async () => {
      const status = looks.length > 1 ? looks.shift() : looks[0];
      if (status instanceof Error) throw status;
      const resources: StateResource[] = status === undefined ? [] : [{ ...cluster, id: "kms", outputs: { status } }];
      state = { ...state, deployment: { ...state.deployment, resources } };
    },
  };
  return { desk, resources: () => state.deployment.resources, looks };
}

describe("what takes long", () => {
  test("is waited for", async () => {
    const { told, adoption } = listening();
    const { desk, resources } = deskWith("CREATING", "CREATING", "ACTIVE");
    await adoptInterruptedCreates(desk, adoption);
    expect(told).toEqual([
      "waiting for cluster (aws:eks/cluster:Cluster), which a killed engine had begun to make",
      "taking over cluster (aws:eks/cluster:Cluster): an engine was killed before it wrote down that it was made",
    ]);
    expect(resources()).toMatchObject([{ id: "kms", outputs: { status: "ACTIVE" } }]);
  });

  test("and failed is not taken over", async () => {
    const { desk, resources } = deskWith("CREATING", "FAILED");
    const adopting = adoptInterruptedCreates(desk, listening().adoption);
    await expect(adopting).rejects.toMatchObject({ problem: { code: "INTERRUPTED_CREATE_FAILED" } });
    expect(resources()).toEqual([]);
  });

  test("and of which several failed: none of them stays in the state", async () => {
    const { desk, resources } = deskWith("FAILED");
    const twice: StateDesk = {
      ...desk,
      refresh: async (urns) => {
        await desk.refresh(urns);
        const state = await desk.export();
        const second = (state.deployment.resources ?? []).map((each) => ({ ...each, urn: "urn::second" }));
        await desk.import({ ...state, deployment: { resources: [...(resources() ?? []), ...second] } });
      },
      export: async () => {
        const state = await desk.export();
        const pending = state.deployment.pending_operations ?? [];
        const more = pending.map(({ type, resource }) => ({ type, resource: { ...resource, urn: "urn::second" } }));
        return { ...state, deployment: { ...state.deployment, pending_operations: [...pending, ...more] } };
      },
    };
    const adopting = adoptInterruptedCreates(twice, listening().adoption);
    await expect(adopting).rejects.toMatchObject({ problem: { code: "INTERRUPTED_CREATE_FAILED" } });
    expect(resources()).toEqual([]);
  });

  test.each([
    ["that is not done in time", "CREATING", "INTERRUPTED_CREATE_UNFINISHED"],
    ["that can not be looked at", new Error("no route to host"), undefined],
  ])("%s is waited for again by the next one", async (_words, look, code) => {
    const { desk, resources, looks } = deskWith(look);
    const adopting = adoptInterruptedCreates(desk, listening({ patienceMs: 20 }).adoption);
    await expect(adopting).rejects.toMatchObject(code ? { problem: { code } } : { message: "no route to host" });
    expect(interruptedCreates({ resources: resources() ?? [] })).toHaveLength(1);

    looks.splice(0, looks.length, "CREATING", "ACTIVE");
    await adoptInterruptedCreates(desk, listening().adoption);
    expect(resources()).toMatchObject([{ id: "kms", outputs: { status: "ACTIVE" } }]);
  });

  test("and of which the provider said that it is unfinished is the engine's to mend", () => {
    const cluster = {
      urn: "urn::cluster",
      type: "aws:eks/cluster:Cluster",
      custom: true,
      outputs: { status: "CREATING" },
    };
    expect(interruptedCreates({ resources: [{ ...cluster, initErrors: ["no node became ready"] }] })).toEqual([]);
    expect(interruptedCreates({ resources: [cluster] })).toEqual([cluster]);
  });
});

test("a key has no name by which it could be found: the operator is told how to look for it", async () => {
  const { told, adoption } = listening();
  const key: StateResource = { urn: "urn::key", type: "aws:kms/key:Key", custom: true, inputs: {} };
  const party: StateResource = { urn: "urn::party", type: "quorate:zama-kms:Party", custom: false };
  const deployment = { pending_operations: [key, party].map((resource) => ({ type: "creating", resource })) };
  const { desk, resources } = deskWith(undefined);
  await adoptInterruptedCreates({ ...desk, export: async () => ({ version: 3, deployment }) }, adoption);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(
    /^an engine was killed while it made key \(aws:kms\/key:Key\): .*--resource-type-filters kms /,
  );
  expect(resources()).toEqual([]);
});

test("two endpoints to the same service, neither in the state: nobody can tell which", async () => {
  const account = cloud.store.account(accountId);
  const serviceName = "com.amazonaws.vpce.eu-west-1.vpce-svc-00000000000000002";
  const endpoint = { type: "aws:ec2/vpcEndpoint:VpcEndpoint", props: { serviceName, vpcId: vpc.vpcId } };
  for (const id of ["vpce-0a", "vpce-0b"]) await account.put({ ...endpoint, id });
  const asked = { urn: "urn::endpoint", type: endpoint.type, inputs: endpoint.props };
  expect(await findCreated(asked, place, () => new Set())).toBeUndefined();
  expect(await findCreated(asked, place, () => new Set(["vpce-0a"]))).toEqual({ id: "vpce-0b" });
  expect(await findCreated(asked, place, () => new Set(["vpce-0a", "vpce-0b"]))).toBe("none");
  for (const id of ["vpce-0a", "vpce-0b"]) await account.delete(endpoint.type, id);
});
