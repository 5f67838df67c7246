import { describe, expect, test } from "vitest";
import { corePaths, HttpRequest } from "../../../contract/core-http.ts";
import type { CommandResult, PartyAccess } from "../../../runbooks/context.ts";
import { readCorePages } from "../../../runbooks/zama-kms/core-http.ts";
import { partyOutputs } from "../network/fake-parties.ts";

const asking = { timeoutMs: 2_000, signal: new AbortController().signal };

function partyWith(answer: (request: HttpRequest) => Partial<CommandResult>): PartyAccess {
  return {
    outputs: partyOutputs(1),
    caller: async () => "arn",
    readObject: async () => null,
    async kubectl(args, options) {
      expect(args.slice(-3)).toEqual(["node", "prober.mjs", "http"]);
      const more = answer(HttpRequest.parse(JSON.parse(options?.stdin ?? "")));
      return { stdout: "", stderr: "", exitCode: 0, durationMs: 5, ended: "exited", ...more };
    },
  };
}

const config = { threshold: { my_id: 1 }, database: { password: "hunter2", url: "postgres://a:hunter2x@db/kms" } };
const texts: Record<string, string> = {
  "/health": "ok",
  // Plain text, as KMS Core says it.
  "/version": "0.13.20",
  "/config": JSON.stringify(JSON.stringify(config)),
};
const reply = (change: (path: string) => object = () => ({})) => ({
  stdout: JSON.stringify({
    contract: "http/v1",
    answers: corePaths.map((path) => {
      const answer = {
        outcome: "answered",
        path,
        status: 200,
        text: texts[path] ?? "",
        truncated: false,
        durationMs: 1,
      };
      return { ...answer, ...change(path) };
    }),
  }),
});

describe("the core's pages", () => {
  test("are asked of the own core at its metrics port", async () => {
    let asked: HttpRequest | undefined;
    const { pages } = await readCorePages(
      partyWith((request) => {
        asked = request;
        return reply();
      }),
      asking,
    );
    expect(asked).toMatchObject({
      host: "kms-core-1.kms-decentralized.svc.cluster.local",
      port: 9646,
      timeoutMs: 2_000,
    });
    expect(pages["/health"]).toEqual({ status: "seen", value: { status: 200, text: "ok", truncated: false } });
    expect(pages["/version"]).toMatchObject({ status: "seen", value: { status: 200, text: "0.13.20" } });
  });

  test("the configuration comes out of its text, without what is secret in it", async () => {
    const seen = await readCorePages(
      partyWith(() => reply()),
      asking,
    );
    expect(seen.config).toMatchObject({
      status: "seen",
      value: { threshold: { my_id: 1 }, database: { password: "[redacted]" } },
    });
    expect(JSON.stringify(seen)).not.toContain("hunter2");
  });

  test("a path that is silent takes no other along, and a refusal by status is an answer", async () => {
    const { pages, config } = await readCorePages(
      partyWith(() => ({
        stdout: JSON.stringify({
          contract: "http/v1",
          answers: [
            { outcome: "silent", path: "/config", code: "TIMED_OUT", detail: "no answer" },
            { outcome: "answered", path: "/ready", status: 503, text: "not ready", truncated: false, durationMs: 1 },
          ],
        }),
      })),
      asking,
    );
    expect(pages["/ready"]).toMatchObject({ status: "seen", value: { status: 503 } });
    expect(config).toEqual({ status: "unknown", reason: "TIMED_OUT: no answer" });
    expect(pages["/live"]).toMatchObject({ status: "unknown" });
  });

  test.each([
    ["a configuration that is cut", reply(() => ({ truncated: true })), "longer"],
    ["no JSON", reply(() => ({ text: "<html>" })), "not JSON"],
    ["a prober of before", { exitCode: 2, stderr: "usage: node prober.mjs probe < request.json" }, "npx quorate up"],
    ["no permission", { exitCode: 1, stderr: "Error from server (Forbidden): no" }, "may not"],
    ["words that are no reply", { stdout: "hello" }, "cannot be read"],
    ["another reply", { stdout: "{}" }, "cannot be read"],
    ["silence", { ended: "deadline" } as const, "no answer within"],
  ])("%s is unknown, and why is said", async (_what, result, reason) => {
    const { config } = await readCorePages(
      partyWith(() => result),
      asking,
    );
    expect(config).toMatchObject({ status: "unknown", reason: expect.stringContaining(reason) });
  });
});
