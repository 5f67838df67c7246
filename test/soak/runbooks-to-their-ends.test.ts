import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DeleteObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { fromIni } from "@aws-sdk/credential-providers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BandwidthReport } from "../../contract/bandwidth-report.ts";
import { KeyGenerationReport } from "../../contract/key-generation-report.ts";
import { killEverythingOf, runQuorate } from "../support/demo-process.ts";
import { createOperatorFolder } from "../support/operator-folder.ts";
import { runIn } from "../support/run-in.ts";

// What tests of parts leave out: `bandwidth`, `collect` and `certificates --generate`, each to its end, and killed before it.
const quorate = fileURLToPath(new URL("../../bin/quorate.mjs", import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await createOperatorFolder(await mkdtemp(join(tmpdir(), "quorate-to-their-ends-")));
});
afterAll(async () => {
  await runQuorate(folder, "devnet", "down");
  killEverythingOf(folder);
  await rm(folder, { recursive: true, force: true });
});

/** A command that is not to come to its end: what it has said so far, and a way to stop it. */
class Begun {
  readonly #child: ChildProcess;
  said = "";

  constructor(...args: string[]) {
    this.#child = spawn(process.execPath, [quorate, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on("data", (chunk) => {
        this.said += chunk;
      });
  }

  async until(is: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await is())) {
      if (this.#child.exitCode !== null) throw new Error(`it ended before:\n${this.said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(signal: "SIGINT" | "SIGKILL"): Promise<number | null> {
    const ended = once(this.#child, "exit");
    this.#child.kill(signal);
    await ended;
    return this.#child.exitCode;
  }

  get runId(): string {
    return /^run (\S+)/m.exec(this.said)?.[1] ?? "";
  }
}

/** The command with the approval of its own plan, as somebody gives it who has read it. */
async function approved(...args: string[]): Promise<string[]> {
  const { stdout, stderr } = await runQuorate(folder, "run", ...args, "--plan");
  const [, digest] = /^plan (\w+)$/m.exec(stdout) ?? [];
  if (digest === undefined) throw new Error(stdout + stderr);
  return ["run", ...args, "--confirm", digest];
}

/** A command that is to succeed. */
async function good(...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await runQuorate(folder, ...args);
  expect(code, stdout + stderr).toBe(0);
}

async function fault(...words: string[]): Promise<void> {
  await good("devnet", "fault", ...words);
}

/** A command with the surroundings of a party's operator. */
async function asOperator(party: number, script: string) {
  const { stdout } = await runQuorate(folder, "devnet", "env", "--party", String(party));
  const ended = await runIn(folder, "bash", ["-c", `${stdout}\n${script}`]);
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  return ended.stdout;
}

const generate = ["certificates", "--generate", "--party", "3"];
const jobs = "kubectl --namespace kms-decentralized get jobs --output name";
/** What it says where it comes to its end; one that stopped before says why. */
async function generated(command: string[]) {
  const { code, stdout, stderr } = await runQuorate(folder, ...command, "--format", "json");
  const report = KeyGenerationReport.safeParse(stdout.startsWith("{") ? JSON.parse(stdout) : undefined);
  if (!report.success) throw new Error(`it ended with ${code}: ${stderr.slice(-4_000)}`);
  return { code, verdict: report.data.verdict, made: report.data.parties.map(({ made }) => made) };
}

/** Takes the party's identity away: what is published, and what is sealed. */
async function emptyVaults(): Promise<void> {
  const { stdout } = await runQuorate(folder, "outputs", "--party", "3", "--format", "json");
  const [outputs] = JSON.parse(stdout).parties;
  const aws = join(folder, ".quorate/devnet/aws");
  const endpoint = (await asOperator(3, "echo $AWS_ENDPOINT_URL")).trim();
  const files = { configFilepath: join(aws, "config"), filepath: join(aws, "credentials") };
  const s3 = new S3Client({
    ...{ endpoint, region: outputs.region, forcePathStyle: true },
    // Each devnet has keys of its own, in files of the same name.
    credentials: fromIni({ profile: "devnet-party-3", ignoreCache: true, ...files }),
  });
  for (const vault of ["publicVault", "privateVault"]) {
    const { bucketName: Bucket } = outputs[vault];
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    for (const { Key = "" } of Contents)
      if (/-p3\/(CACert|Verf|SigningKey)/.test(Key)) await s3.send(new DeleteObjectCommand({ Bucket, Key }));
  }
}

describe("with cores that run", () => {
  beforeAll(async () => await good("demo"));

  describe("bandwidth", () => {
    const measure = async (...args: string[]) => {
      const command = await approved("bandwidth", "--duration", "5", ...args);
      const { code, stdout, stderr } = await runQuorate(folder, ...command, "--format", "json");
      if (!stdout.startsWith("{")) throw new Error(stderr);
      return { code, report: BandwidthReport.parse(JSON.parse(stdout)) };
    };
    const link = ({ links }: BandwidthReport, from: number, to: number) =>
      links.find((one) => one.from === from && one.to === to);

    test("a baseline is recorded, and what is measured after is compared with it", async () => {
      const { code, report } = await measure("--record-baseline");
      expect([code, report.verdict, report.linksMeasured, report.findings]).toEqual([0, "OK", 12, []]);
      expect((await measure()).report).toMatchObject({ linksMeasured: 12, linksCompared: 12 });
    });

    test("a slow link is a finding of whose it is, with numbers", async () => {
      await fault("slow", "2", "3", "200");
      const { code, report } = await measure();
      await fault("heal");
      expect([code, report.verdict]).toEqual([1, "FAIL"]);
      expect(link(report, 2, 3)).toMatchObject({ verdict: { status: "FAIL" } });
      const { measured, baseline } = link(report, 2, 3) ?? {};
      expect((measured?.p50Ms ?? 0) - (baseline?.p50Ms ?? 0)).toBeGreaterThan(100);
      expect(report.findings).toContainEqual(
        expect.objectContaining({ code: "LATENCY_HIGH", party: 2, found: expect.stringContaining("2→3") }),
      );
    });

    test("of a link that is cut there is no rate, and that is no green one", async () => {
      await fault("cut", "2", "3");
      const { code, report } = await measure();
      await fault("heal");
      expect([0, 2, 70]).not.toContain(code);
      expect(link(report, 2, 3)).toMatchObject({ measured: null, verdict: { status: "UNKNOWN" } });
      expect(report).toMatchObject({ linksMeasured: 11, linksCompared: 11 });
    });

    test("a core that hangs is given up, and the others are measured", async () => {
      await fault("hang", "4");
      const { report } = await measure();
      await fault("heal");
      expect(report.parties.find(({ partyId }) => partyId === 4)?.verdict).toBe("UNKNOWN");
      expect(
        report.links.filter(({ from, to }) => from < 4 && to < 4).map(({ measured }) => measured === null),
      ).toEqual(Array(6).fill(false));
      expect(report.findings.filter(({ code }) => code === "COULD_NOT_TELL").map(({ party }) => party)).toEqual([4, 4]);
    });

    test.each(["SIGINT", "SIGKILL"] as const)(
      "after %s in the middle it is resumed, and begun anew",
      async (signal) => {
        const command = await approved("bandwidth", "--duration", "5");
        const begun = new Begun(...command);
        await begun.until(() => begun.said.includes("party 2 measures"));
        expect(await begun.stop(signal)).toBe(signal === "SIGINT" ? 4 : null);
        const resumed = await runQuorate(folder, "resume", begun.runId);
        expect(resumed.stdout).toContain("12 of 12 links measured");
        expect(resumed.stdout).toMatch(/measure-1 +SKIP/);
        expect((await runQuorate(folder, ...command)).stdout).toContain("12 of 12 links measured");
      },
    );
  });

  describe("collect", () => {
    const secrets = ["planted-env-7731", "planted-map-7732", "planted-log-7733", "planted-own-7734"];
    let to: string;

    test("one file for one party and for all, whole, and without what is secret", async () => {
      to = join(folder, "bundles");
      await mkdir(to);
      // A configuration gets into a log, and environments are in what the cluster says of a pod.
      const namespace = "--namespace kms-decentralized";
      await asOperator(3, `kubectl ${namespace} set env deployment/quorate-prober DB_PASSWORD=${secrets[0]}`);
      const map = JSON.stringify({ data: { KMS_CORE__DB__PASSWORD: secrets[1] } });
      await asOperator(3, `kubectl ${namespace} patch configmap mpc-party --type merge --patch '${map}'`);
      const line = `${new Date().toISOString()} stdout F password=${secrets[2]} and of its own ${secrets[3]}\n`;
      await appendFile(join(folder, ".quorate/devnet/party-3/logs/core.log"), line);
      process.env.QUORATE_TEST_SECRET = secrets[3];
      for (const who of [["--party", "3"], []]) {
        const { code, stdout, stderr } = await runQuorate(folder, "collect", ...who, "--to", to, "--format", "json");
        expect(code, stderr).toBe(0);
        const { whole, bundle, parties } = JSON.parse(stdout);
        expect([whole, parties.length]).toEqual([true, who.length > 0 ? 1 : 4]);
        expect(
          createHash("sha256")
            .update(await readFile(bundle.path))
            .digest("hex"),
        ).toBe(bundle.sha256);
        const text = await runIn(folder, "tar", ["-xOzf", bundle.path]);
        expect(text.code).toBe(0);
        expect(text.stdout).toContain("password=[redacted] and of its own [redacted]");
        expect(text.stdout).toContain("DB_PASSWORD");
        for (const secret of secrets) expect(text.stdout).not.toContain(secret);
        expect(await runIn(to, "sha256sum", ["--check", `${bundle.path}.sha256`])).toMatchObject({ code: 0 });
      }
      delete process.env.QUORATE_TEST_SECRET;
    });

    test("without a person no container is added, and nothing is collected", async () => {
      const before = await readdir(to);
      const { code, stderr } = await runQuorate(folder, "collect", "--party", "3", "--to", to, "--debug-container");
      expect([code, stderr.includes("CONFIRMATION_NEEDED")]).toEqual([3, true]);
      expect(await readdir(to)).toEqual(before);
    });

    test("a kill leaves its folder, which keeps nobody from the next, and goes with one a day later", async () => {
      const left = async () => (await readdir(to)).filter((name) => name.startsWith(".quorate-collect-"));
      const begun = new Begun("collect", "--to", to);
      await begun.until(async () => (await left()).length > 0);
      await begun.stop("SIGKILL");
      const again = async () => await runQuorate(folder, "collect", "--party", "2", "--to", to);
      expect(await again()).toMatchObject({ code: 0 });
      const [name = ""] = await left();
      const old = new Date(Date.now() - 2 * 86_400_000);
      for (const path of await readdir(join(to, name), { recursive: true }))
        await utimes(join(to, name, path), old, old);
      await utimes(join(to, name), old, old);
      expect(await again()).toMatchObject({ code: 0 });
      expect(await left()).toEqual([]);
    });
  });

  describe("certificates --generate", () => {
    test("keys that are there stay: the step is skipped", async () => {
      expect(await generated(await approved(...generate))).toEqual({ code: 0, verdict: "OK", made: [false] });
    });

    test("a Job that ends well without its work is said to have done nothing", async () => {
      // Where keys come of an exchange, nobody plays the Job: it is over at once.
      await asOperator(3, "kubectl --namespace kms-decentralized scale statefulset kms-core --replicas 0");
      await asOperator(3, "kubectl --namespace kms-decentralized wait --for=delete pod/kms-core-3 --timeout=60s");
      await emptyVaults();
      const { code, stdout, stderr } = await runQuorate(folder, ...(await approved(...generate)), "--format", "json");
      expect([code, `${stdout}${stderr}`.includes("KEY_JOB_DID_NOTHING")]).toEqual([1, true]);
      expect(await asOperator(3, jobs)).toBe("");
    });
  });
});

describe("before there are cores", () => {
  beforeAll(async () => {
    await good("devnet", "down");
    await good("devnet", "up", "--no-exchange");
    await good("up", "--party", "3", "--yes");
  });

  test("of an empty vault they are made, and the Job is gone", async () => {
    await emptyVaults();
    expect(await generated(await approved(...generate))).toEqual({ code: 0, verdict: "OK", made: [true] });
    expect(await asOperator(3, jobs)).toBe("");
  });

  test("after a kill with its Job at work, the next makes the keys or finds them", async () => {
    await emptyVaults();
    const command = await approved(...generate);
    const begun = new Begun(...command);
    await begun.until(() => begun.said.includes("party 3: its Job"));
    await begun.stop("SIGKILL");
    expect(await generated(command)).toMatchObject({ code: 0, verdict: "OK" });
  });

  test("what a killed run's Job left is not taken for the end of another, and one is made", async () => {
    // The Job of the last test is over, or gone with the keys that it made.
    await emptyVaults();
    expect(await generated(await approved(...generate))).toEqual({ code: 0, verdict: "OK", made: [true] });
    expect(await asOperator(3, jobs)).toBe("");
  });
});
