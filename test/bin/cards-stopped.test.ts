import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { toolsFolder } from "../../bin/session.ts";
import { readManifest } from "../../stacks/manifest-file.ts";
import { hex } from "../support/network.ts";
import { Operator } from "../support/refusal.ts";

// Cards come from, and go to, an S3 that takes each call and never answers: whoever waits for it is stopped.
const quorate = fileURLToPath(new URL("../../bin/quorate.mjs", import.meta.url));
const example = fileURLToPath(new URL("../../docs/party-outputs.example.json", import.meta.url));
let operator: Operator;
let silent: Server;
let asked: Promise<unknown>;

beforeEach(async () => {
  operator = await Operator.createOffDevnet();
  silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  asked = once(silent, "request");
});
afterEach(async () => {
  silent.closeAllConnections();
  silent.close();
  await operator[Symbol.asyncDispose]();
});

/** What a command ends in that is stopped once it asks S3. */
async function stopped(signal: NodeJS.Signals, args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [quorate, ...args], {
    cwd: operator.folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      QUORATE_NETWORK: "",
      QUORATE_STACKS_DIR: "",
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
      ...env,
    },
  });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) child[name].on("data", (chunk) => (said[name] += chunk));
  const ended = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  await Promise.race([asked, ended.then(() => Promise.reject(new Error(`ended before it asked:\n${said.stderr}`)))]);
  const at = performance.now();
  child.kill(signal);
  const [code, by] = await ended;
  return { code, by, ...said, afterMs: performance.now() - at };
}

test.each(["SIGINT", "SIGTERM"] as const)(
  "`cards sync` that %s stops says so, and takes nothing over",
  async (signal) => {
    for (const id of ["2", "3"]) {
      const url = `https://party-${id}.s3.eu-west-1.amazonaws.com/PUB-p${id}/PartyCard/card-v1.jws`;
      const trust = ["cards", "trust", id, `sha256:${hex(64, id)}`, "--url", url];
      expect(await operator.run(trust)).toMatchObject({ code: 0 });
    }
    const before = await operator.files();
    const ended = await stopped(signal, ["cards", "sync"]);
    expect(ended, ended.stderr).toMatchObject({ code: 4, by: null, stdout: "" });
    expect(ended.stderr).toContain("INTERRUPTED  fetching the cards of network devnet was stopped before its end\n");
    expect(ended.stderr).toContain(`  found     stopped by ${signal}\n`);
    expect(ended.stderr).toContain("  next      npx quorate cards sync --network devnet\n");
    // Not when its patience with S3 ends.
    expect(ended.afterMs).toBeLessThan(8_000);
    expect(await operator.files()).toEqual(before);
  },
);

test.each(["SIGINT", "SIGTERM"] as const)("`cards publish` that %s stops says so", async (signal) => {
  const tools = join(operator.folder, "tools");
  await mkdir(tools);
  const { digest: manifestDigest } = await readManifest(join(operator.folder, "stacks/networks/devnet.yaml"));
  const signingKeyArn = "arn:aws:kms:eu-west-1:100000000001:key/11111111-2222-3333-4444-555555555555";
  const outputs = { ...JSON.parse(await readFile(example, "utf8")), manifestDigest, signingKeyArn };
  await writeFile(join(tools, "outputs.json"), JSON.stringify(outputs));
  const engine = join(tools, "pulumi");
  await writeFile(
    engine,
    `#!/bin/sh\ncase "$1" in version) echo v3.220.0 ;; *) cat ${dirname(engine)}/outputs.json ;; esac\n`,
  );
  await chmod(engine, 0o755);
  const credentials = join(tools, "credentials");
  await writeFile(credentials, "[devnet-party-1]\naws_access_key_id = AKIA\naws_secret_access_key = secret\n");
  const ended = await stopped(signal, ["cards", "publish", "--party", "1"], {
    PATH: [tools, toolsFolder, process.env.PATH].join(delimiter),
    PULUMI_BACKEND_URL: "https://nowhere.invalid",
    AWS_SHARED_CREDENTIALS_FILE: credentials,
    AWS_CONFIG_FILE: "/dev/null",
  });
  expect(ended, ended.stderr).toMatchObject({ code: 4, by: null, stdout: "" });
  expect(ended.stderr).toContain("INTERRUPTED  publishing the cards of network devnet was stopped before its end\n");
  expect(ended.stderr).toContain("  next      npx quorate cards publish --network devnet --party 1\n");
  expect(ended.afterMs).toBeLessThan(8_000);
});
