import { expect, test } from "vitest";
import { approveDebugContainers } from "../../../bin/commands/collect.ts";
import type { CommandResult, PartyAccess } from "../../../runbooks/context.ts";
import type { Terminal } from "../../../runbooks/terminal.ts";
import {
  describeDebugPlan,
  planDebugContainer,
  runDebugContainer,
} from "../../../runbooks/zama-kms/debug-container.ts";
import { partyOutputs } from "../network/fake-parties.ts";
import { type Anything, clusterOf } from "./cluster-objects.ts";

const asking = { timeoutMs: 300, signal: new AbortController().signal };
const image = `docker.io/library/node@sha256:${"6f".repeat(32)}`;
const facts = { date: "2026-11-20T12:00:00.000Z", device: { path: "/dev/nitro_enclaves", isDevice: true } };

/** A party whose pod takes the container, and ends it at once unless told otherwise. */
function fakeParty({
  ends = true,
  state,
  replace,
}: {
  ends?: boolean;
  state?: object;
  replace?: Partial<CommandResult>;
} = {}) {
  const pod: Anything = { apiVersion: "v1", ...structuredClone(clusterOf(1).parts.pod) };
  const asked: string[][] = [];
  const answer = (stdout: string, more: Partial<CommandResult> = {}): CommandResult => {
    return { stdout, stderr: "", exitCode: 0, durationMs: 1, ended: "exited", ...more };
  };
  const party: PartyAccess = {
    outputs: partyOutputs(1),
    caller: async () => "arn",
    readObject: async () => null,
    async kubectl(args, options) {
      asked.push(args);
      if (args[1] === "deployment")
        return answer(JSON.stringify({ spec: { template: { spec: { containers: [{ image }] } } } }));
      if (args[0] === "logs") return answer(`${JSON.stringify(facts)}\n`);
      if (args[0] === "replace") {
        if (replace) return answer("", replace);
        Object.assign(pod, JSON.parse(options?.stdin ?? ""));
        const [{ name }] = pod.spec.ephemeralContainers.slice(-1);
        if (ends) pod.status.ephemeralContainerStatuses = [{ name, state: { terminated: { exitCode: 0 } } }];
        if (state) pod.status.ephemeralContainerStatuses = [{ name, state }];
        return answer("{}");
      }
      return answer(JSON.stringify(pod));
    },
  };
  return { party, asked, pod };
}

async function ran(fake: ReturnType<typeof fakeParty>) {
  const plan = await planDebugContainer(fake.party, "a1b2c3", asking);
  if (plan.status === "unknown") throw new Error(plan.reason);
  return await runDebugContainer(fake.party, plan.value, asking, 10);
}

test("planning changes nothing; the container has the prober's image, the device, and no right beside", async () => {
  const fake = fakeParty();
  const plan = await planDebugContainer(fake.party, "a1b2c3", asking);
  expect(plan).toMatchObject({
    status: "seen",
    value: { image, pod: "kms-core-1", container: "quorate-debug-a1b2c3" },
  });
  expect(fake.asked.map(([verb]) => verb)).toEqual(["get"]);
  expect(await ran(fake)).toEqual({ status: "seen", value: facts });
  expect(fake.pod.spec.ephemeralContainers).toEqual([
    expect.objectContaining({
      image,
      securityContext: expect.objectContaining({ capabilities: { drop: ["ALL"] }, allowPrivilegeEscalation: false }),
      volumeMounts: [{ name: "nitro-device", mountPath: "/dev/nitro_enclaves", readOnly: true }],
    }),
  ]);
  expect(fake.asked.find(([verb]) => verb === "replace")?.[2]).toBe(
    "/api/v1/namespaces/kms-decentralized/pods/kms-core-1/ephemeralcontainers",
  );
});

test("no right to add it, and one that never ends, are reasons", async () => {
  const refused = { exitCode: 1, stderr: "Error from server (Forbidden): pods is forbidden" };
  expect(await ran(fakeParty({ replace: refused }))).toMatchObject({
    status: "unknown",
    reason: expect.stringContaining("may not"),
  });
});

test.each<[object | undefined, string]>([
  [undefined, "the node has not begun it"],
  [{ running: {} }, "it runs"],
  [{ waiting: { reason: "ImagePullBackOff", message: "no such image" } }, "ImagePullBackOff, no such image"],
])("of one that does not end it is said how it stands: %j", async (state, words) => {
  expect(await ran(fakeParty({ ends: false, ...(state && { state }) }))).toMatchObject({
    status: "unknown",
    reason: expect.stringMatching(new RegExp(`did not end within .* s: ${words}$`)),
  });
});

test("what is to be added fits a narrow terminal, all but names that no line has room for", async () => {
  const plan = await planDebugContainer(fakeParty().party, "a1b2c3", asking);
  if (plan.status === "unknown") throw new Error(plan.reason);
  const lines = describeDebugPlan(plan.value, 60).split("\n");
  expect(lines.filter((line) => line.length > 60).map((line) => line.trim().split(/ +/)[0])).toEqual(["image"]);
  expect(lines.join(" ").replaceAll(/ +/g, " ")).toBe(describeDebugPlan(plan.value).replaceAll(/\s+/g, " "));
});

test("nothing is added before a person said yes, and what they say yes to was shown", async () => {
  const said: string[] = [];
  const terminal = (answer: string | null, interactive = true): Terminal => ({
    interactive,
    print: (text) => void said.push(text),
    ask: async () => answer,
  });
  const { party, asked } = fakeParty();
  const approve = (asked: Terminal, yes = false) => approveDebugContainers([party], { ...asking, yes }, asked);
  await expect(approve(terminal("n"))).rejects.toMatchObject({ problem: { code: "NOT_CONFIRMED", exitCode: 3 } });
  await expect(approve(terminal(null))).rejects.toMatchObject({ problem: { code: "NOT_CONFIRMED" } });
  await expect(approve(terminal("y", false))).rejects.toMatchObject({ problem: { code: "CONFIRMATION_NEEDED" } });
  expect((await approve(terminal("y"))).get(1)).toMatchObject({ status: "seen" });
  expect((await approve(terminal(null, false), true)).get(1)).toMatchObject({ status: "seen" });
  expect(said[0]).toContain("adds the ephemeral container");
  expect(said[0]).toContain("reversible");
  expect(asked.every(([verb]) => verb === "get")).toBe(true);
});
