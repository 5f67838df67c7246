import { log, output, runtime } from "@pulumi/pulumi";
import { afterEach, expect, test, vi } from "vitest";
import { PartyOutputs } from "../../contract/party-outputs.ts";
import { settleHeldReleases } from "../../stacks/held-releases.ts";
import type { KeysOf } from "../../stacks/secret-check.ts";
import { exampleSettings } from "../components/example.ts";
import { onMockStack, settled } from "../support/mocks.ts";
import { rawStackConfig, StacksDir } from "../support/network.ts";
import { agreedConnector, wantsConnector } from "../support/releases.ts";
import { runProgramIn } from "../support/run-program.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  runtime.setAllConfig({});
});

const none: KeysOf = async () => undefined;
const registry = ["registry-credentials"];
const command =
  "kubectl --namespace kms-decentralized create secret generic registry-credentials --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson=<file>";

/** As the program decides it while the engine works, or before. */
async function decide(
  settings: Parameters<typeof settleHeldReleases>[0],
  keysOf: KeysOf = none,
  preview = false,
): Promise<{ decided: Awaited<ReturnType<typeof settleHeldReleases>>; asked: number }> {
  let asked = 0;
  const ask = async () => {
    asked++;
    return keysOf;
  };
  const decided = await onMockStack(() => settleHeldReleases(settings, output("{}"), ask), { preview });
  return { decided: decided.result, asked };
}

const firstUp = { ...exampleSettings({}, { secrets: { byHand: registry } }), releasedBefore: [] };

test("a first up makes all but the core where its Secret is not there, and says what to type; with the Secret the next makes the core", async () => {
  await using stacks = await StacksDir.create();
  const warn = vi.spyOn(log, "warn").mockResolvedValue();
  const config = { ...rawStackConfig(), secrets: { byHand: registry } };
  const before = await runProgramIn(stacks.dir, config, none);
  const after = await runProgramIn(stacks.dir, config);
  const names = ({ resources }: typeof before) => resources.map(({ name }) => name).sort();
  expect(names(before)).toEqual(names(after).filter((name) => !name.startsWith("party-1-kms")));
  expect(names(before)).toContain("party-1-place-namespace");
  expect(names(after)).toContain("party-1-kms-release");
  expect(warn.mock.calls.map(([text]) => text).filter((text) => text.includes("kubectl"))).toEqual([
    `the core is held back, its keys and its certificate with it: registry-credentials in its namespace are Secrets that people make, and not there as they should be. All else is made now. ${command}; then npx quorate up --party 1`,
  ]);

  warn.mockRestore();
  const fields = Object.entries(before.result).map(async ([field, value]) => [field, await settled(value as never)]);
  const outputs = PartyOutputs.parse(Object.fromEntries(await Promise.all(fields)));
  expect(outputs.release).toBeNull();
  expect(outputs.absent.release).toBe("the core is held back until its Secrets are there: registry-credentials");
  expect(outputs.heldForSecrets).toEqual([{ release: "core", secrets: registry, commands: [command] }]);
  expect(after.result).not.toHaveProperty("heldForSecrets");
});

test("a release that is there is never taken away: without its Secret up ends before anything is touched", async () => {
  const live = { ...firstUp, releasedBefore: ["kms-core"] };
  await expect(decide(live)).rejects.toMatchObject({
    problem: { code: "SECRETS_MISSING", exitCode: 1, next: expect.stringContaining(command) },
  });
  expect((await decide(live, async () => [".dockerconfigjson"])).decided).toEqual({ held: [], notes: [] });
});

test("each release waits for its own Secrets, with a command for each that lacks something", async () => {
  const there: Record<string, string[]> = { "registry-credentials": [".dockerconfigjson"], rpc: [] };
  const parsed = exampleSettings({ connector: agreedConnector() }, wantsConnector);
  const settings = { ...parsed, releasedBefore: ["kms-core"] };
  const { held } = (await decide(settings, async (_namespace, name) => there[name])).decided;
  expect(held.map(({ release, secrets }) => [release, secrets])).toEqual([
    ["connector", ["connector-database", "rpc", "conduit"]],
  ]);
  expect(held[0]?.commands[1]).toMatch(/delete secret rpc; kubectl .* create secret generic rpc /);
});

test("a preview asks no cluster, and says what up will look for; nobody is asked where no Secret is made by hand", async () => {
  const preview = await decide(firstUp, none, true);
  expect(preview).toEqual({
    asked: 0,
    decided: {
      held: [],
      notes: [
        "the core is made only where Secret registry-credentials is there: up looks for it, and holds the core back until it is",
      ],
    },
  });
  expect((await decide({ ...firstUp, releasedBefore: ["kms-core"] }, none, true)).decided.notes).toEqual([]);
  const from = [{ name: "registry-credentials", remoteName: "r", form: "registry" }];
  for (const config of [{ core: "withheld" }, { secrets: { externalSecrets: { storeName: "aws", from } } }])
    expect(await decide({ ...exampleSettings({}, config), releasedBefore: [] })).toEqual({
      asked: 0,
      decided: { held: [], notes: [] },
    });
});

test("where the cluster does not answer, the release itself asks again, and tells why", async () => {
  const silent: KeysOf = async () => {
    throw new Error("status 403");
  };
  expect((await decide({ ...firstUp, releasedBefore: ["kms-core"] }, silent)).decided).toEqual({ held: [], notes: [] });
});
