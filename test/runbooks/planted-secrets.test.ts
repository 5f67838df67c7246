import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CommandResult, PartyAccess } from "../../runbooks/context.ts";
import report from "../../runbooks/network/report.ts";
import validate from "../../runbooks/network/validate.ts";
import { executeRun, planRunbook } from "../../runbooks/run.ts";
import type { Runbook } from "../../runbooks/runbook.ts";
import clusterCheck from "../../runbooks/zama-kms/cluster-check.ts";
import doctor from "../../runbooks/zama-kms/doctor.ts";
import { fakeParties, manifest } from "./network/fake-parties.ts";
import { given } from "./support/rotation.ts";
import { type Anything, clusterOf } from "./zama-kms/cluster-objects.ts";
import { answered, listOf } from "./zama-kms/doctor-sights.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const letters = (length: number, from = alphabet) =>
  [...randomBytes(length)].map((byte) => from[byte % from.length]).join("");
const bech32 = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

/** A new secret of each shape: what of it nobody may read, and how programs write it down. */
const shapes: Record<string, () => { secret: string; written: string[] }> = {
  "database password": () => {
    const secret = `${letters(14)}7x`;
    return { secret, written: [`password=${secret}`, `PGPASSWORD='${secret}'`, `"password": "${secret}"`] };
  },
  "connection string": () => {
    const secret = `${letters(14)}7x`;
    return {
      secret,
      written: [
        `postgres://kms:${secret}@db.internal:5432/kms`,
        `postgresql://kms:${secret}@10.0.0.7/kms?sslmode=require`,
      ],
    };
  },
  "AWS secret key": () => {
    const secret = letters(40, `${alphabet}+/`);
    return {
      secret,
      written: [
        `aws_secret_access_key = ${secret}`,
        `AWS_SECRET_ACCESS_KEY=${secret}`,
        `"SecretAccessKey": "${secret}"`,
      ],
    };
  },
  "AWS session token": () => {
    const secret = letters(120, `${alphabet}+/`);
    return {
      secret,
      written: [
        `AWS_SESSION_TOKEN=${secret}`,
        `https://x.s3.amazonaws.com/k?X-Amz-Security-Token=${secret}&X-Amz-Expires=60`,
      ],
    };
  },
  JWT: () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const body = part({ sub: letters(12) });
    const jwt = `${part({ alg: "RS256", typ: "JWT" })}.${body}.${letters(86)}`;
    return { secret: body, written: [jwt, `Authorization: Bearer ${jwt}`, `token: ${jwt}`] };
  },
  "PEM private key": () => {
    const lines = [letters(64), letters(64), `${letters(20)}==`];
    const pem = (word: string) =>
      `-----BEGIN ${word}PRIVATE KEY-----\n${lines.join("\n")}\n-----END ${word}PRIVATE KEY-----`;
    return { secret: lines[0] ?? "", written: [pem(""), pem("EC "), pem("RSA ").replaceAll("\n", "\\n")] };
  },
  "age key": () => {
    const secret = letters(58, bech32);
    return { secret, written: [`AGE-SECRET-KEY-1${secret}`, `# public key: age1x\nAGE-SECRET-KEY-1${secret}`] };
  },
};

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "quorate-planted-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

type Place = "environment" | "ConfigMap" | "status" | "log" | "stderr" | "AWS" | "peers" | "path" | "symptom";
const places: Place[] = ["environment", "ConfigMap", "status", "log", "stderr", "AWS", "peers", "path", "symptom"];

/** Four parties, of which one says this in one place. */
function world(place: Place, text: string): PartyAccess[] {
  const at = "2026-11-20T11:58:30.000Z";
  const failed = (stderr: string): CommandResult => answered({ exitCode: 1, stderr });
  const { parties } = fakeParties([], {
    answer: (party, args) => {
      const { parts } = clusterOf(party) as { parts: Record<string, Anything> };
      if (party !== 2) return plain(parts, args);
      if (place === "stderr") return failed(`error: the server said: ${text}`);
      if (place === "path")
        return failed(`error: stat /home/ann/${text.replaceAll("\n", " ")}/kubeconfig: no such file`);
      if (place === "environment") {
        const [name, ...rest] = text.split("=");
        Object.assign(parts.pod.spec.containers?.[0] ?? parts.pod.spec, {
          env: [
            { name: "SETTINGS", value: text },
            { name: name ?? "X", value: rest.join("=") || text },
          ],
          command: ["sh", "-c", text],
        });
      }
      if (place === "ConfigMap")
        for (const part of Object.values(parts)) if (part.kind === "ConfigMap") part.data = { settings: text };
      if (place === "status") {
        parts.pod.status.conditions[1].status = "False";
        parts.pod.status.containerStatuses[0] = {
          name: "kms-core-enclave",
          restartCount: 3,
          state: { waiting: { reason: "CrashLoopBackOff", message: text } },
          lastState: { terminated: { reason: "Error", message: text, exitCode: 1 } },
        };
      }
      if (place === "log" && args[0] === "logs") {
        const line = `${at} ERROR main: kms_lib: Could not decrypt data key: service error ${text}`;
        const prefix = args.includes("--prefix") ? "[pod/kms-core-2/kms-core-enclave-logger] " : "";
        return answered({ stdout: line.replaceAll(/^(?=.)/gm, prefix) });
      }
      return plain(parts, args);
    },
  });
  const [, second] = parties;
  if (second !== undefined && place === "AWS")
    Object.assign(second, {
      caller: async () => Promise.reject(new Error(`AccessDenied: ${text}`)),
      readObject: async () => Promise.reject(new Error(`AccessDenied: ${text}`)),
      cloud: async () => {
        const unknown = { status: "unknown" as const, reason: `AccessDenied: ${text}` };
        return {
          partyId: 2,
          endpoints: unknown,
          connections: unknown,
          groupRules: unknown,
          keyPolicy: unknown,
          coreTrust: unknown,
          vaults: { public: unknown, private: unknown },
          vaultPolicies: { public: unknown, private: unknown },
        };
      },
    });
  if (second !== undefined && place === "peers") {
    const { kubectl } = second;
    second.kubectl = async (args, options) => {
      const result = await kubectl(args, options);
      if (!args.includes("probe")) return result;
      const reply = JSON.parse(result.stdout);
      Object.assign(reply.links[0], { code: "WRONG_CERTIFICATE", stage: "certificate", detail: `said ${text}` });
      Object.assign(reply.view.peers[0], { reachable: false, error: `transport error: ${text}` });
      return { ...result, stdout: JSON.stringify(reply) };
    };
  }
  return parties;
}

function plain(parts: Record<string, Anything>, args: string[]): CommandResult | undefined {
  if (args[0] === "get" && args[1] === "pod") return answered({ stdout: JSON.stringify(parts.pod) });
  if (args[0] === "get") return listOf(parts, args);
  return args[0] === "logs" ? answered() : undefined;
}

async function everything(runbook: Runbook, place: Place, text: string): Promise<string> {
  const printed: string[] = [];
  const context = {
    ...given(),
    manifest,
    parties: world(place, text),
    clock: { now: () => new Date("2026-11-20T12:00:00Z") },
    progress: (said: string) => void printed.push(said),
  };
  const host = {
    runsDir: await mkdtemp(join(root, "runs-")),
    operator: "tester",
    terminal: { interactive: false, print: (said: string) => void printed.push(said), ask: async () => null },
    clock: context.clock,
    signal: context.signal,
  };
  const planned = await planRunbook(
    runbook,
    context,
    runbook === (doctor as Runbook) && place === "symptom" ? { symptom: text } : {},
  );
  const result = await executeRun(planned, host);
  if (result.bug) throw result.bug;
  const { report: made, dir } = result;
  const forms = [
    made?.text({ colour: false, columns: 100 }),
    made?.markdown(),
    made?.junit?.(),
    made?.html?.(),
    made?.prometheus?.(),
  ];
  const files = await Promise.all(
    (await readdir(dir ?? "")).map(async (name) => `${name}\n${await readFile(join(dir ?? "", name), "utf8")}`),
  );
  return [...printed, ...forms, JSON.stringify(made?.json), ...files].join("\n");
}

/** Runbooks, and in how many of the places what is said there is shown or written down at all. */
const runbooks: [Runbook, number][] = [
  [doctor as unknown as Runbook, 6],
  [validate as unknown as Runbook, 4],
  [report as unknown as Runbook, 4],
  [clusterCheck as unknown as Runbook, 4],
];

test.each(runbooks.map(([runbook, least]) => [runbook.name, runbook, least] as const))(
  "%s shows and writes no secret, wherever it meets one",
  async (_name, runbook, least) => {
    const heard = new Set<Place>();
    for (const place of places)
      for (const spelling of [0, 1, 2]) {
        const planted = Object.values(shapes).map((make) => make());
        const texts = planted.map(({ written }) => written[spelling % written.length] ?? "");
        const all = await everything(runbook, place, ["overheard", ...texts].join("\n"));
        if (all.includes("overheard")) heard.add(place);
        for (const [index, { secret }] of planted.entries())
          for (const part of [secret.slice(0, 12), secret.slice(-12)])
            expect([place, texts[index], all.includes(part)]).toEqual([place, texts[index], false]);
      }
    expect(heard.size).toBeGreaterThanOrEqual(least);
  },
);
