import { describe, expect, test } from "vitest";
import { classifyFailure, runCommand } from "../../runbooks/command.ts";
import type { CommandResult } from "../../runbooks/context.ts";

describe("a command", () => {
  test("gets its arguments as they are: no shell looks at them", async () => {
    const args = ["a b", "$HOME", "`id`", "'x'", '"', "", "*", "; exit 3", "\n"];
    const print = "process.stdout.write(JSON.stringify(process.argv.slice(1)))";
    const { stdout, exitCode } = await runCommand(process.execPath, ["-e", print, "--", ...args]);
    expect([exitCode, JSON.parse(stdout)]).toEqual([0, args]);
  });

  test("gets its input, and gives lines as they come", async () => {
    const lines: string[] = [];
    const result = await runCommand("cat", [], { stdin: "één\ntwo\nthree", onLine: (line) => lines.push(line) });
    expect(result.stdout).toBe("één\ntwo\nthree");
    expect(lines).toEqual(["één", "two"]);
  });

  test("whose input is held goes on until it is let go", async () => {
    const over = new AbortController();
    const options = { stdin: "one\n", holdStdin: over.signal, onLine: () => setTimeout(() => over.abort(), 200) };
    const result = await runCommand("cat", [], options);
    expect([result.stdout, result.ended]).toEqual(["one\n\n", "exited"]);
    expect(result.durationMs).toBeGreaterThan(190);
    expect((await runCommand("cat", [], options)).stdout).toBe("one\n\n");
  });

  test("that ends while its input is held is not waited for", async () => {
    const result = await runCommand("true", [], { stdin: "one\n", holdStdin: new AbortController().signal });
    expect([result.exitCode, result.ended]).toEqual([0, "exited"]);
  });

  test("that does not read its input is no error", async () => {
    const result = await runCommand("sh", ["-c", "echo no >&2; exit 7"], { stdin: "x".repeat(1_000_000) });
    expect([result.exitCode, result.stderr, result.ended]).toEqual([7, "no\n", "exited"]);
  });

  test("that is too slow is ended with all that it started", async () => {
    // It ends only when nobody holds its output any more.
    const result = await runCommand("sh", ["-c", "sleep 60 & sleep 60"], { timeoutMs: 300 });
    expect(result.ended).toBe("deadline");
    expect(result.durationMs).toBeLessThan(10_000);
  });

  test("that does not listen to TERM is killed", async () => {
    const result = await runCommand("sh", ["-c", "trap '' TERM; sleep 60"], { timeoutMs: 200 });
    expect([result.ended, result.exitCode]).toEqual(["deadline", 137]);
  });

  test("ends when it is interrupted, and does not begin after that", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 100);
    expect((await runCommand("sleep", ["60"], { signal: stop.signal })).ended).toBe("aborted");
    expect((await runCommand("sleep", ["60"], { signal: stop.signal })).ended).toBe("aborted");
  });

  test("that prints without end is ended", async () => {
    const result = await runCommand("yes", [], { maxOutputBytes: 100_000 });
    expect(result.ended).toBe("too-much-output");
  });

  test("that is not there says so", async () => {
    const result = await runCommand("quorate-no-such-program", []);
    expect(classifyFailure(result)).toMatchObject({ code: "TOOL_MISSING" });
  });
});

describe("the failure of a command", () => {
  const failed = (stderr: string, exitCode = 1): CommandResult => ({ stdout: "", stderr, exitCode, durationMs: 5 });

  test.each([
    ["error: You must be logged in to the server (Unauthorized)", "UNAUTHORIZED"],
    ['Error from server (Forbidden): pods is forbidden: User "x" cannot list resource "pods"', "FORBIDDEN"],
    ['Error from server (NotFound): deployments.apps "quorate-prober" not found', "NOT_FOUND"],
    ["The connection to the server 127.1.0.4:6443 was refused - did you specify the right host or port?", "REFUSED"],
    ["error: error reading from error stream: next reader: websocket: close 1006 (abnormal closure)", "LOST"],
    ["Unable to connect to the server: read tcp 10.0.0.1:51000->10.0.0.2:443: read: connection reset by peer", "LOST"],
    ['Get "https://127.1.0.4:6443/api/v1/pods": EOF', "LOST"],
    ["error: http2: client connection lost", "LOST"],
    ["Unable to connect to the server: dial tcp: lookup x.eks.amazonaws.com: no such host", "UNREACHABLE"],
    ["Unable to connect to the server: net/http: TLS handshake timeout", "TIMED_OUT"],
    [
      "Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority",
      "UNTRUSTED_SERVER",
    ],
    ['error: Internal error occurred: unable to upgrade connection: container not found ("prober")', "NOT_RUNNING"],
    ["Error from server (BadRequest): pod quorate-prober-x does not have a host assigned", "NOT_RUNNING"],
    ["error: unable to upgrade connection: no preferred addresses found; known addresses: []", "UNREACHABLE"],
    ["Error from server: error dialing backend: dial tcp 10.3.0.11:10250: connect: connection refused", "UNREACHABLE"],
    [
      "Unable to connect to the server: getting credentials: exec: executable node failed with exit code 1",
      "UNAUTHORIZED",
    ],
    ["Error: INSTALLATION FAILED: cannot re-use a name that is still in use", "FAILED"],
  ])("%s is %s", (stderr, code) => {
    expect(classifyFailure(failed(stderr))?.code).toBe(code);
  });

  test.each([
    "command terminated with exit code 3",
    "error: Internal error occurred: error executing command in container: cmd wait: node prober.mjs: exit status 3",
  ])("names the line that says why, not kubectl's %j after it", (ending) => {
    const stderr = `warning: something\nport 50001 of 127.1.0.3 is taken\n${ending}\n`;
    expect(classifyFailure(failed(stderr, 3))).toEqual({ code: "FAILED", reason: "port 50001 of 127.1.0.3 is taken" });
  });

  test("is none where it succeeded, whatever it warned of", () => {
    expect(classifyFailure(failed("Warning: deployment not found in cache", 0))).toBeNull();
  });
});
