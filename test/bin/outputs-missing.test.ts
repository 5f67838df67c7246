import "reflect-metadata";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { manifestDigest } from "../../contract/manifest-digest.ts";
import { ValidateReport } from "../../contract/validate-report.ts";
import { signHalf } from "../../fleet/half-publishing.ts";
import { CardFiles } from "../../stacks/card-files.ts";
import { readManifest } from "../../stacks/manifest-file.ts";
import { modelNetwork } from "../runbooks/network/network-model.ts";
import { LocalKey } from "../support/cards.ts";
import { halfContent } from "../support/halves.ts";
import { Operator } from "../support/refusal.ts";

// A network that stands on no devnet, and a backend of files in which no party's stack lies yet.
const example = fileURLToPath(new URL("../../docs/party-outputs.example.json", import.meta.url));
let operator: Operator;
beforeEach(async () => {
  operator = await Operator.createOffDevnet();
});
afterEach(async () => {
  await operator[Symbol.asyncDispose]();
});

async function missing(...args: string[]): Promise<string> {
  const { code, stderr } = await operator.runHere(args, { PULUMI_BACKEND_URL: `file://${operator.folder}` });
  expect({ code, head: stderr.split("  ")[0] }, stderr).toEqual({ code: 2, head: "OUTPUTS_MISSING" });
  return stderr;
}

test("all parties that were never brought up are named at once, and one command brings them up", async () => {
  for (const args of [["outputs", "--all"], ["validate"]]) {
    const said = await missing(...args);
    expect(said).toContain("parties 1, 2, 3, 4: stacks party-1, party-2, party-3, party-4 have no outputs\n");
    expect(said).toContain("next      npx quorate up --all\n");
  }
});

test("where others were, `up` is for those that were not", async () => {
  const backend = join(operator.folder, ".pulumi/stacks/quorate");
  await mkdir(backend, { recursive: true });
  const outputs: unknown = JSON.parse(await readFile(example, "utf8"));
  const resources = [{ urn: "", type: "pulumi:pulumi:Stack", outputs }];
  await writeFile(join(backend, "party-1.json"), JSON.stringify({ checkpoint: { latest: { resources } } }));
  expect(await missing("outputs", "--all")).toContain("next      npx quorate up --party 2,3,4\n");
  expect(await missing("outputs", "--party", "1,3")).toContain("next      npx quorate up --party 3\n");
});

describe("a report of what parties published, where no own stack was ever brought up", () => {
  const report = async (...args: string[]) => {
    const env = { PULUMI_BACKEND_URL: `file://${operator.folder}` };
    const ended = await operator.runHere(["report", "--from", ".", "--format", "json", ...args], env);
    expect(ended.stdout, ended.stderr).not.toBe("");
    return { code: ended.code, json: ValidateReport.parse(JSON.parse(ended.stdout)) };
  };

  test.each([[["--published"]], [[]]])("goes on with the halves that are there %j", async (args) => {
    const key = new LocalKey();
    const files = new CardFiles(join(operator.folder, "stacks"), "devnet");
    await files.writeTrust(2, { fingerprint: key.fingerprint });
    const file = join(operator.folder, "stacks/networks/devnet.yaml");
    const seen = modelNetwork(4);
    // The modelled peers run what this manifest trusts.
    let text = await readFile(file, "utf8");
    for (const pcr of ["pcr0", "pcr1", "pcr2"] as const)
      text = text.replace(new RegExp(`${pcr}: .*`), `${pcr}: "${seen.trustedReleases[0]?.[pcr]}"`);
    await writeFile(file, text);
    const { manifest } = await readManifest(file);
    const now = new Date().toISOString();
    const content = halfContent(2, { seen, manifestDigest: manifestDigest(manifest), startedAt: now, issuedAt: now });
    await writeFile(join(operator.folder, "party-2.half.jws"), await signHalf(content, key));
    const { code, json } = await report(...args);
    expect([code, json.verdict, json.linksUp]).toEqual([5, "UNKNOWN", 3]);
    const [first] = json.findings;
    expect(first).toMatchObject({ code: "HALF_MISSING", party: 1 });
    expect(first?.found).toContain("stack party-1 here was never brought up");
    expect(first?.next).toMatch(/^npx quorate up --party 1, where that party is yours; otherwise ask party 1/);
    expect(json.findings.map(({ party }) => party)).toEqual([1, 3, 4]);
  });

  test("is an error where nobody is trusted either, and says both ways on", async () => {
    const said = await missing("report", "--published");
    expect(said).toContain(
      "next      npx quorate up --all; or, to join what others published: npx quorate cards trust <party> <fingerprint> --url <address>\n",
    );
  });
});
