import "reflect-metadata";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import validate from "../../runbooks/network/validate.ts";
import { executeRun, planRunbook } from "../../runbooks/run.ts";
import { fakeParties } from "../runbooks/network/fake-parties.ts";
import { given } from "../runbooks/support/rotation.ts";
import { Operator } from "../support/refusal.ts";

const quorate = fileURLToPath(new URL("../../bin/quorate.mjs", import.meta.url));
const example = fileURLToPath(new URL("../../docs/party-outputs.example.json", import.meta.url));
const signingKeyArn = "arn:aws:kms:eu-west-1:100000000001:key/11111111-2222-3333-4444-555555555555";
let operator: Operator;
let silent: Server;
let env: Record<string, string>;

// An operator who has just validated, of whose four stacks the first was brought up, before an AWS that never answers.
beforeEach(async () => {
  operator = await Operator.createOffDevnet();
  silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const backend = join(operator.folder, ".pulumi/stacks/quorate");
  await mkdir(backend, { recursive: true });
  const outputs = { ...JSON.parse(await readFile(example, "utf8")), signingKeyArn };
  const resources = [{ urn: "", type: "pulumi:pulumi:Stack", outputs }];
  await writeFile(join(backend, "party-1.json"), JSON.stringify({ checkpoint: { latest: { resources } } }));
  const credentials = join(operator.folder, "credentials");
  await writeFile(credentials, "[devnet-party-1]\naws_access_key_id = AKIA\naws_secret_access_key = secret\n");
  env = {
    PULUMI_BACKEND_URL: `file://${operator.folder}`,
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    AWS_SHARED_CREDENTIALS_FILE: credentials,
    AWS_CONFIG_FILE: "/dev/null",
  };
  await validated();
});
afterEach(async () => {
  silent.closeAllConnections();
  silent.close();
  await operator[Symbol.asyncDispose]();
});

async function validated(): Promise<void> {
  const context = { ...given(), parties: fakeParties().parties };
  const host = {
    runsDir: join(operator.folder, ".quorate", "runs"),
    operator: "tester",
    terminal: { interactive: false, print: () => {}, ask: async () => null },
    clock: { now: () => new Date() },
    signal: context.signal,
  };
  const plan = await planRunbook(validate, { ...context, clock: host.clock }, {});
  expect((await executeRun(plan, host, { quiet: true })).verdict).toBe("OK");
}

test.each(["publish", "export"])("`reports %s --all` leaves out no party whose stack has no outputs", async (word) => {
  const ended = await operator.run(["reports", word, "--all"], env);
  expect(ended, ended.stderr).toMatchObject({ code: 2, stdout: "" });
  expect(ended.stderr).toContain(
    "OUTPUTS_MISSING  parties 2, 3, 4: stacks party-2, party-3, party-4 have no outputs\n",
  );
  expect(ended.stderr).toContain("next      npx quorate up --party 2,3,4\n");
});

test("`reports publish` that is stopped says so", async () => {
  const asked = once(silent, "request");
  const child = spawn(process.execPath, [quorate, "reports", "publish", "--party", "1"], {
    cwd: operator.folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, QUORATE_NETWORK: "", QUORATE_STACKS_DIR: "", ...env },
  });
  let stderr = "";
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = once(child, "close");
  await Promise.race([asked, ended.then(() => Promise.reject(new Error(`ended before it asked:\n${stderr}`)))]);
  child.kill("SIGINT");
  expect(await ended, stderr).toEqual([4, null]);
  expect(stderr).toContain("INTERRUPTED  publishing halves was stopped before its end\n");
});
