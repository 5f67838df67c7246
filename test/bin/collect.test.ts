import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tar from "tar";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { pack } from "../../bin/commands/collect.ts";
import type { Session } from "../../bin/session.ts";
import { type CollectEntry, CollectManifest } from "../../contract/collect-manifest.ts";
import { corePaths } from "../../contract/core-http.ts";
import { manifestDigest } from "../../contract/manifest-digest.ts";
import type { CommandResult, PartyAccess } from "../../runbooks/context.ts";
import { byLevel } from "../../runbooks/zama-kms/log-levels.ts";
import { manifest, partyOutputs } from "../runbooks/network/fake-parties.ts";
import { type Anything, clusterOf, healthReport, printedHealth } from "../runbooks/zama-kms/cluster-objects.ts";

const hex = "4f3c9a17".repeat(8);
const base64 = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
const pem = `-----BEGIN PRIVATE KEY-----\n${base64}\n${base64}\n-----END PRIVATE KEY-----`;
/** One of each kind, as it would be written, and what of it nobody may read. */
const planted: [written: string, secret: string][] = [
  ["AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"],
  ["aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"],
  ["token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl", "eyJzdWIiOiJhIn0"],
  ["Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"],
  ["k8s-aws-v1.aHR0cHM6Ly9zdHM", "aHR0cHM6Ly9zdHM"],
  [pem, base64],
  ["postgres://zws:pg-w0rd-9@db:5432/kms", "pg-w0rd-9"],
  ["AGE-SECRET-KEY-1QQPQ8ZTKS8Q9QEXAMPLEXAMPLEXAMPLE", "QQPQ8ZTKS8Q9QEXAMPLE"],
  [`private key: 0x${hex}`, hex],
  ["wss://chain.example/v3/9aa3d95b3bc440fa88ea12eaa4456161", "9aa3d95b3bc440fa88ea12eaa4456161"],
  ["it said open-sesame-now", "open-sesame-now"],
  ["password=hunter2hunter2", "hunter2hunter2"],
];
const allPlanted = planted.map(([written]) => written).join("\n");

const done = (more: Partial<CommandResult> = {}): CommandResult => {
  return { stdout: "", stderr: "", exitCode: 0, durationMs: 5, ended: "exited", ...more };
};
const forbidden = (what: string) =>
  done({ exitCode: 1, stderr: `Error from server (Forbidden): ${what} is forbidden: cannot list resource "${what}"` });

interface Change {
  cluster?: (cluster: ReturnType<typeof clusterOf>) => void;
  answer?: (args: string[]) => CommandResult | undefined | Promise<CommandResult>;
  log?: string;
  config?: object;
}

function fakeParty(id: number, { cluster, answer, log = "INFO all is well\n", config = {} }: Change = {}): PartyAccess {
  const made = clusterOf(id);
  cluster?.(made);
  const seen = <T>(value: T) => ({ status: "seen" as const, value });
  return {
    outputs: partyOutputs(id),
    caller: async () => "arn",
    readObject: async () => null,
    cloud: async () => ({
      partyId: id,
      endpoints: seen([]),
      connections: seen([]),
      groupRules: seen([]),
      keyPolicy: seen({ pcr0s: [], unattested: false }),
      coreTrust: seen({ providers: [], subjects: [], audiences: [] }),
      vaults: { public: seen("readable" as const), private: seen("refused" as const) },
      vaultPolicies: { public: seen({ refuses: [], unclear: [] }), private: seen({ refuses: [], unclear: [] }) },
    }),
    async kubectl(args) {
      const planned = await answer?.(args);
      if (planned !== undefined) return planned;
      if (args[0] === "logs") return done({ stdout: log });
      if (args.includes("http")) return done({ stdout: JSON.stringify(pagesWith(config)) });
      if (args[0] === "exec") return done({ stdout: printedHealth(healthReport(id)) });
      const kinds = (args[1] ?? "").split(",").map((kind) => kind.replace(/ies$/, "y").replace(/s$/, ""));
      const items = Object.values(made.parts).filter(({ kind }) => kinds.includes(kind.toLowerCase()));
      return done({ stdout: JSON.stringify({ kind: "List", items }) });
    },
  };
}

function pagesWith(config: object) {
  const answers = corePaths.map((path) => {
    const text = path === "/config" ? JSON.stringify(JSON.stringify(config)) : path === "/version" ? "0.13.20" : "ok";
    return { outcome: "answered", path, status: 200, text, truncated: false, durationMs: 1 };
  });
  return { contract: "http/v1", answers };
}

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-collect-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const session = (): Session => ({
  ...{ root, network: "devnet", stacksDir: join(root, "stacks"), manifest, manifestDigest: manifestDigest(manifest) },
  ready: async () => {},
  partyEnv: () => ({ PULUMI_CONFIG_PASSPHRASE: "open-sesame-now" }),
});
let count = 0;

async function packed(
  parties: PartyAccess[],
  more: { chosen?: number[]; folder?: string; signal?: AbortSignal; timeoutMs?: number } = {},
) {
  const folder = more.folder ?? join(root, `to-${count++}`);
  const asked = { chosen: more.chosen, sinceMinutes: undefined, timeoutMs: more.timeoutMs ?? 5_000, folder };
  const signal = more.signal ?? new AbortController().signal;
  const now = () => new Date("2026-11-20T12:00:00Z");
  const { manifest: listed, written } = await pack(session(), parties, asked, signal, { now });
  const into = await mkdtemp(join(root, "out-"));
  await tar.extract({ file: written.path, cwd: into });
  const [top = ""] = await readdir(into);
  return { listed: CollectManifest.parse(listed), written, folder, inside: join(into, top) };
}

async function files(folder: string): Promise<Map<string, string>> {
  const found = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = found.map(({ parentPath, name }) => join(parentPath, name));
  return new Map(
    await Promise.all(
      paths.map(
        async (path): Promise<[string, string]> => [path.slice(folder.length + 1), await readFile(path, "utf8")],
      ),
    ),
  );
}

const missing = (entries: readonly CollectEntry[]) =>
  entries.flatMap((entry) => (entry.status === "missing" ? [[entry.path, entry.reason]] : []));

describe("a bundle", () => {
  test("holds what a party's cluster, core and cloud show, and a list of it that can be checked", async () => {
    const { listed, written, inside, folder } = await packed([fakeParty(1), fakeParty(2)]);
    expect(missing(listed.entries)).toEqual([]);
    expect(listed).toMatchObject({
      whole: true,
      parties: [{ partyId: 1 }, { partyId: 2 }],
      madeBy: expect.stringMatching(/^quorate \d/),
    });
    const found = await files(inside);
    expect([...found.keys()]).toEqual(
      expect.arrayContaining([
        "manifest.json",
        ...[
          ...["outputs.json", "events.json", "images.json", "secrets.json", "cloud.json"],
          ...["objects/StatefulSet/kms-core.json", "objects/Pod/kms-core-1.json", "objects/Node/node-1.json"],
          ...["objects/DaemonSet/plugin.json", "core/config.json", "core/metrics.txt", "core/health.txt"],
          ...["core/version.txt", "core/health-check.json"],
          ...["logs/kms-core-1/kms-core-enclave.log", "logs/kms-core-1/kms-core-enclave.info.log"],
        ].map((path) => `party-1/${path}`),
      ]),
    );
    for (const entry of listed.entries)
      if (entry.status === "collected") {
        const text = found.get(entry.path) ?? "";
        expect([entry.path, createHash("sha256").update(text).digest("hex")]).toEqual([entry.path, entry.sha256]);
      }
    expect(JSON.parse(found.get("manifest.json") ?? "")).toEqual(listed);
    expect(found.size).toBe(listed.entries.filter(({ status }) => status === "collected").length + 1);
    expect(await readFile(`${written.path}.sha256`, "utf8")).toBe(
      `${written.sha256}  quorate-collect-devnet-20261120T120000Z.tar.gz\n`,
    );
    expect(
      createHash("sha256")
        .update(await readFile(written.path))
        .digest("hex"),
    ).toBe(written.sha256);
    for (const path of [written.path, `${written.path}.sha256`]) expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("has no secret in it, wherever one was", async () => {
    const secretEnv = planted.map(([value], at) => ({ name: `VALUE_${at}`, value }));
    const { inside, listed } = await packed([
      fakeParty(1, {
        log: `2026-11-20T12:00:00Z ERROR ${allPlanted}\n`,
        config: {
          text: allPlanted,
          database: { password: "hunter2hunter2" },
          nested: JSON.stringify({ a: allPlanted }),
        },
        cluster: ({ parts }) => {
          const [container] = parts.pod.spec.containers;
          container.env.push(...secretEnv, { name: "DB_PASSWORD", value: "hunter2hunter2" });
          container.env.push({ name: "RPC", valueFrom: { secretKeyRef: { name: "rpc", key: "url" } } });
          container.args = [allPlanted];
          parts.pod.metadata.managedFields = [{ manager: "x" }];
          parts.event = { kind: "Event", metadata: { name: "e" }, type: "Warning", message: allPlanted };
        },
      }),
    ]);
    const found = await files(inside);
    for (const [path, text] of found)
      for (const [, secret] of planted) expect([path, text.includes(secret)]).toEqual([path, false]);
    const pod = JSON.parse(found.get("party-1/objects/Pod/kms-core-1.json") ?? "");
    const { env } = pod.spec.containers[0];
    expect(env).toContainEqual({ name: "DB_PASSWORD", value: "[redacted]" });
    expect(env.filter(({ name }: { name: string }) => name.startsWith("VALUE_"))).toHaveLength(planted.length);
    expect(pod.metadata.managedFields).toBeUndefined();
    expect(JSON.parse(found.get("party-1/secrets.json") ?? "").names).toEqual(["rpc"]);
    expect(missing(listed.entries)).toEqual([]);
  });

  test("says what could not be had: rights, a core that is silent, a party that is not here", async () => {
    const party = fakeParty(1, {
      answer: (args) => {
        if (args[0] === "logs")
          return done({ exitCode: 1, stderr: "Error from server (Forbidden): pods/log is forbidden" });
        if (args[0] === "exec")
          return done({ exitCode: 1, stderr: "Error from server (Forbidden): pods/exec is forbidden" });
        if (args[1]?.startsWith("nodes")) return forbidden("nodes");
        return undefined;
      },
    });
    const { listed } = await packed([party], { chosen: [1, 3] });
    expect(listed.whole).toBe(false);
    const reasons = Object.fromEntries(missing(listed.entries));
    expect(reasons["party-3"]).toContain("no stack of this party");
    for (const path of ["logs/kms-core-1/kms-core-enclave.log", "core/config.json", "core/health-check.json"])
      expect(reasons[`party-1/${path}`]).toContain("may not");
    expect(Object.keys(reasons)).toContain("party-1/objects/Node");
    expect(listed.entries).toContainEqual(expect.objectContaining({ path: "party-1/objects/Pod/kms-core-1.json" }));
  });

  test("says all of a cluster that is gone, and has the rest", async () => {
    const lost = done({ stderr: "profile party-1 has no credentials", exitCode: 1, ended: "not-started" });
    const { listed } = await packed([fakeParty(1, { answer: () => lost }), fakeParty(2)]);
    const paths = missing(listed.entries).map(([path]) => path);
    expect(paths).toEqual(expect.arrayContaining(["party-1/objects/Pod", "party-1/logs", "party-1/core/config.json"]));
    expect(paths.every((path) => path?.startsWith("party-1/"))).toBe(true);
    expect(listed.entries).toContainEqual(expect.objectContaining({ path: "party-1/cloud.json", status: "collected" }));
  });

  test("survives an API server that goes in the middle", async () => {
    let asked = 0;
    const gone = done({
      exitCode: 1,
      stderr: "The connection to the server was refused - did you specify the right host",
    });
    const { listed } = await packed([fakeParty(1, { answer: () => (asked++ < 3 ? undefined : gone) })]);
    expect(listed.whole).toBe(false);
    expect(missing(listed.entries).some(([, reason]) => reason?.includes("refused"))).toBe(true);
  });

  test("never writes over another", async () => {
    const folder = join(root, "twice");
    const first = await packed([fakeParty(1)], { folder });
    const second = await packed([fakeParty(2)], { folder });
    expect(second.written.path).not.toBe(first.written.path);
    expect((await readdir(folder)).length).toBe(4);
  });
});

describe("no bundle at all, and nothing left behind", () => {
  test("when it is interrupted", async () => {
    const stop = new AbortController();
    const folder = join(root, "stopped");
    const party = fakeParty(1, {
      answer: async (args) => {
        if (args[0] !== "logs") return undefined as never;
        stop.abort(new Error("stopped by SIGINT"));
        return done({ ended: "aborted", exitCode: 143 });
      },
    });
    await expect(packed([party], { folder, signal: stop.signal })).rejects.toThrow(/SIGINT/);
    expect(await readdir(folder)).toEqual([]);
  });

  test("when the disk is full, and it says so", async () => {
    // A device that is always full stands in for the disk, where the first log would go.
    const folder = join(root, "full");
    const party = fakeParty(1, {
      answer: async (args) => {
        if (args[0] !== "logs") return undefined as never;
        const [staging = ""] = await readdir(folder);
        const [name = ""] = await readdir(join(folder, staging));
        const into = join(folder, staging, name, "party-1", "logs", "kms-core-1");
        await mkdir(into, { recursive: true });
        await chmod(into, 0o500);
        await rm(into, { recursive: true, force: true });
        await symlink("/dev/full", into).catch(() => {});
        return done({ stdout: "a line\n" });
      },
    });
    await expect(packed([party], { folder })).rejects.toMatchObject({ problem: { code: "FILE_UNUSABLE" } });
    expect(await readdir(folder)).toEqual([]);
  });

  test("where it can not be written", async () => {
    const file = join(root, "a-file");
    await writeFile(file, "");
    await expect(packed([fakeParty(1)], { folder: file })).rejects.toMatchObject({
      problem: { code: "FILE_UNUSABLE" },
    });
  });
});

test("the environment's own secrets are known by their names", async () => {
  vi.stubEnv("AWS_SESSION_TOKEN", "plain-words-of-a-session");
  const { inside } = await packed([fakeParty(1, { log: "INFO plain-words-of-a-session\n" })]);
  vi.unstubAllEnvs();
  for (const [, text] of await files(inside)) expect(text).not.toContain("plain-words-of-a-session");
});

test("lines by level: what has none goes with the line before it, and the first word that is one counts", () => {
  const text = [
    "2026-11-20T12:00:00Z  INFO started, error handling on",
    "2026-11-20T12:00:01Z \u001b[31mERROR\u001b[0m it broke",
    "   at somewhere",
    '{"timestamp":"2026","level":"WARN","fields":{"message":"slow"}}',
    "thread 'main' panicked at src/lib.rs:1",
    "2026 DEBUG detail",
    "",
  ].join("\n");
  const found: Anything = byLevel(text);
  expect(found.error).toContain("it broke");
  expect(found.error).toContain("   at somewhere");
  expect(found.error).toContain("panicked");
  expect(found.warn).toContain("slow");
  expect(found.info.split("\n")).toHaveLength(3);
});
