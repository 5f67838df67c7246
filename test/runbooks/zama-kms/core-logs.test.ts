import { describe, expect, test } from "vitest";
import type { CommandResult, PartyAccess } from "../../../runbooks/context.ts";
import { readCoreLogs } from "../../../runbooks/zama-kms/core-logs.ts";
import { partyOutputs } from "../network/fake-parties.ts";
import { clusterOf } from "./cluster-objects.ts";

const asking = { timeoutMs: 5_000, signal: new AbortController().signal };
const done = (more: Partial<CommandResult>): CommandResult => {
  return { stdout: "", stderr: "", exitCode: 0, durationMs: 5, ended: "exited", ...more };
};

/** A party whose kubectl answers as given; as a real one, it prints the first bytes of the last lines. */
function partyWith(
  pod: object | null,
  logs: (container: string, previous: boolean) => string | Partial<CommandResult>,
): { party: PartyAccess; asked: string[][] } {
  const asked: string[][] = [];
  const party: PartyAccess = {
    outputs: partyOutputs(1),
    caller: async () => "arn",
    readObject: async () => null,
    async kubectl(args) {
      asked.push(args);
      if (args[0] === "get") return done({ stdout: pod === null ? "" : JSON.stringify(pod) });
      const option = (name: string) => args.find((arg) => arg.startsWith(`--${name}=`))?.split("=")[1];
      const said = logs(args[args.indexOf("--container") + 1] ?? "", args.includes("--previous"));
      if (typeof said !== "string") return done(said);
      const tail = said
        .split(/(?<=\n)/)
        .slice(-Number(option("tail")))
        .join("");
      return done({
        stdout: Buffer.from(tail)
          .subarray(0, Number(option("limit-bytes")))
          .toString("utf8"),
      });
    },
  };
  return { party, asked };
}

const { pod } = clusterOf(1).parts;
const logsIn = (answer: Awaited<ReturnType<typeof readCoreLogs>>) => {
  if (answer.status === "unknown") throw new Error(answer.reason);
  return answer.value;
};
const lineOf = (at: number) => `2026-11-20T12:00:00Z line ${at}\n`;

describe("the logs of the core's pod", () => {
  test("init containers, sidecars and the core, each with what it is", async () => {
    const { party } = partyWith(pod, (container) => `${container} speaks\n`);
    expect(logsIn(await readCoreLogs(party, asking)).map(({ log, ...one }) => one)).toEqual([
      { container: "kms-core-init-load-env", role: "init", previous: false },
      { container: "kms-core-enclave-logger", role: "sidecar", previous: false },
      { container: "kms-core-enclave", role: "main", previous: false },
    ]);
  });

  test("the run before a restart too, and nothing of what has not been started", async () => {
    const restarted = structuredClone(pod);
    restarted.status.containerStatuses[0].restartCount = 2;
    restarted.status.initContainerStatuses[1].state = { waiting: { reason: "PodInitializing" } };
    const { party, asked } = partyWith(restarted, (_, previous) => (previous ? "panicked\n" : "starts\n"));
    const logs = logsIn(await readCoreLogs(party, asking));
    const text = (container: string, previous = false) =>
      logs.find((one) => one.container === container && one.previous === previous)?.log;
    expect(text("kms-core-enclave", true)).toMatchObject({ status: "seen", value: { text: "panicked\n" } });
    expect(text("kms-core-enclave-logger")).toMatchObject({ status: "seen", value: { text: "", lines: 0 } });
    expect(asked.some((args) => args.includes("kms-core-enclave-logger"))).toBe(false);
  });

  test("no pod is an answer: there are none", async () => {
    expect(await readCoreLogs(partyWith(null, () => "").party, asking)).toEqual({ status: "seen", value: [] });
  });

  test("of a log that is too long its end is kept, and that is said", async () => {
    const long = Array.from({ length: 20_000 }, (_, at) => lineOf(at)).join("");
    const { party } = partyWith(pod, () => long);
    const [first] = logsIn(await readCoreLogs(party, { ...asking, maxLines: 100 }));
    expect(first?.log).toMatchObject({ status: "seen", value: { lines: 100, truncated: true } });
    expect(first?.log.status === "seen" && first.log.value.text.endsWith(lineOf(19_999))).toBe(true);
  });

  test("lines that are longer than thought cost the earliest of them, not the latest", async () => {
    const long = Array.from({ length: 100 }, (_, at) => `${at} ${"x".repeat(1_000)}\n`).join("");
    const { party } = partyWith(pod, () => long);
    const [first] = logsIn(await readCoreLogs(party, { ...asking, maxBytes: 50_000 }));
    const log = first?.log.status === "seen" ? first.log.value : undefined;
    expect(log).toMatchObject({ truncated: true });
    expect(log?.text).toContain("\n99 x");
    expect(Buffer.byteLength(log?.text ?? "")).toBeLessThanOrEqual(50_000);
  });

  test("a log whose bounds nobody keeps is kept to them here", async () => {
    const flood = { stdout: lineOf(1).repeat(200_000) + lineOf(2), exitCode: 143, ended: "too-much-output" } as const;
    const { party } = partyWith(pod, () => flood);
    const [first] = logsIn(await readCoreLogs(party, asking));
    const log = first?.log.status === "seen" ? first.log.value : undefined;
    expect(log?.truncated).toBe(true);
    expect(Buffer.byteLength(log?.text ?? "")).toBeLessThanOrEqual(2 * 1024 * 1024);
  });

  test("whoever may not read logs is told so, container by container", async () => {
    const stderr = 'Error from server (Forbidden): pods "kms-core-1" is forbidden: cannot get resource "pods/log"';
    const { party } = partyWith(pod, () => ({ exitCode: 1, stderr }));
    for (const { log } of logsIn(await readCoreLogs(party, asking)))
      expect(log).toMatchObject({ status: "unknown", reason: expect.stringContaining("may not") });
  });

  test("a cluster that says nothing, and an access that throws, are reasons", async () => {
    const { party } = partyWith(pod, () => "");
    const silent = { ...party, kubectl: async () => done({ ended: "deadline", durationMs: 5_000 }) };
    expect(await readCoreLogs(silent, asking)).toEqual({ status: "unknown", reason: "no answer within 5.0 s" });
    const throwing = { ...party, kubectl: () => Promise.reject(new Error("no credentials")) };
    expect(await readCoreLogs(throwing, asking)).toEqual({ status: "unknown", reason: "no credentials" });
  });

  test("secrets do not come along", async () => {
    const { party } = partyWith(pod, () => "connecting to postgres://zws:hunter2hunter2@db/kms\n");
    expect(JSON.stringify(await readCoreLogs(party, asking))).not.toContain("hunter2");
  });
});
