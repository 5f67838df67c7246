import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openSession, projectRoot } from "../../bin/session.ts";
import { OperatorError } from "../../contract/operator-error.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-session-"));
  await cp("stacks/networks", join(root, "stacks", "networks"), { recursive: true });
  vi.stubEnv("QUORATE_NETWORK", undefined);
  vi.stubEnv("QUORATE_STACKS_DIR", undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

const problemOf = async (act: Promise<unknown>) => {
  const failure = await act.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(failure).toBeInstanceOf(OperatorError);
  return (failure as OperatorError).problem;
};

test("the only manifest is the network that is meant", async () => {
  const session = await openSession({ root });
  expect(session.network).toBe("devnet");
  expect(session.manifest.parties).toHaveLength(4);
  expect(session.manifestDigest).toMatch(/^sha256:/);
});

test("the project is found from a folder below it", async () => {
  await mkdir(join(root, "a", "b"), { recursive: true });
  expect(projectRoot(join(root, "a", "b"))).toBe(root);
});

test("several manifests and no choice is an error that lists them", async () => {
  await writeFile(join(root, "stacks", "networks", "other.yaml"), "");
  const problem = await problemOf(openSession({ root }));
  expect(problem).toMatchObject({ code: "NETWORK_NOT_CHOSEN", next: "npx quorate use devnet" });
  expect(problem.found).toContain("devnet, other");
  expect(problem.exitCode ?? 2).toBe(2);
});

test("the choice made before counts, and the environment counts more", async () => {
  await writeFile(join(root, "stacks", "networks", "other.yaml"), "");
  await mkdir(join(root, ".quorate"));
  await writeFile(join(root, ".quorate", "current"), "devnet\n");
  expect((await openSession({ root })).network).toBe("devnet");
  vi.stubEnv("QUORATE_NETWORK", "nowhere");
  expect(await problemOf(openSession({ root }))).toMatchObject({ code: "NETWORK_UNKNOWN" });
  expect((await openSession({ root, network: "devnet" })).network).toBe("devnet");
});

test("a network's environment reaches this process, and each party's stays with the party", async () => {
  await mkdir(join(root, ".quorate", "env"), { recursive: true });
  const environment = { common: { QUORATE_TEST_COMMON: "yes" }, parties: { "2": { AWS_PROFILE: "two" } } };
  vi.stubEnv("QUORATE_TEST_COMMON", "no");
  await writeFile(join(root, ".quorate", "env", "devnet.json"), JSON.stringify(environment));
  const session = await openSession({ root });
  expect(process.env.QUORATE_TEST_COMMON).toBe("yes");
  expect(session.partyEnv(2)).toEqual({ AWS_PROFILE: "two" });
  expect(session.partyEnv(3)).toEqual({});
});

test.each(["{", '{"common":{}}', '{"common":{"A":1},"parties":{}}'])(
  "an environment file that holds %s is refused by name",
  async (text) => {
    await mkdir(join(root, ".quorate", "env"), { recursive: true });
    await writeFile(join(root, ".quorate", "env", "devnet.json"), text);
    const problem = await problemOf(openSession({ root }));
    expect(problem.code).toBe("ENVIRONMENT_INVALID");
    expect(problem.what).toContain("devnet.json");
  },
);
