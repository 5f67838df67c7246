import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addressesOf } from "../../devnet/addresses.ts";
import { devnetStatus } from "../../devnet/devnet.ts";
import { listenersIn, processesOf } from "../support/demo-process.ts";
import { dial } from "../support/dial.ts";
import { findingsOf, OperatorsDevnet } from "../support/operators-devnet.ts";

// What operators do to a network of four that stands, and what they are refused.
const parties = [1, 2, 3, 4];
let net: OperatorsDevnet;

beforeAll(async () => {
  net = await OperatorsDevnet.create("operations");
  const demo = await net.command("demo");
  expect(demo.code, demo.stdout + demo.stderr).toBe(0);
});

afterAll(async () => {
  await net[Symbol.asyncDispose]();
});

const isOk = ({ verdict }: { verdict: string }) => verdict === "OK";

test("a second up changes nothing", async () => {
  const up = await net.json("up", "--all");
  expect(up).toMatchObject({ code: 0, report: { changed: 0 } });
});

test("nodes too small for the enclave, or with another processor, are refused before they are made", async () => {
  const file = join(net.folder, "stacks/Pulumi.party-2.yaml");
  const text = await readFile(file, "utf8");
  for (const [type, refusal] of [
    ["c7a.8xlarge", /^INSTANCE_TYPE_TOO_SMALL {2}party 2/m],
    ["c7g.4xlarge", /^INSTANCE_TYPE_UNFIT {2}party 2[\s\S]+c7g\.4xlarge in .*, which has no x86-64.*arm64\)/m],
  ] as const) {
    await writeFile(file, text.replace("c7a.16xlarge", type));
    const refused = await net.command("preview", "--party", "2");
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(refusal) });
  }
  await writeFile(file, text);
});

test("where a node has not set enough aside, the core stays Pending, and validate says so", async () => {
  const node = (await net.kubectl(2, "get", "nodes", "-o", "name")).trim();
  const setAside = async (cpus: string) => {
    const offered = { "aws.ec2.nitro/nitro_enclaves_cpus": cpus };
    const patch = JSON.stringify({ status: { capacity: offered, allocatable: offered } });
    await net.kubectl(2, "patch", node, "--subresource=status", "--patch", patch);
  };
  await setAside("24");
  await net.kubectl(2, "delete", "pod/kms-core-2", "--wait=false");
  const { report } = await net.validateUntil((found) => found.parties[1]?.pod?.phase === "Pending");
  expect(findingsOf(report)).toEqual([{ code: "PARTY_DOWN", party: 2 }]);
  expect(report.findings[0]?.found).toMatch(/Pending.*Insufficient aws\.ec2\.nitro\/nitro_enclaves_cpus/s);
  await setAside("48");
  expect((await net.validateUntil(isOk)).code).toBe(0);
});

test("before any core runs, stage network proves the ways and tells the addresses that peers see", async () => {
  const scale = async (replicas: number) => {
    for (const party of parties) await net.kubectl(party, "scale", "statefulset/kms-core", `--replicas=${replicas}`);
  };
  await scale(0);
  const gone = await net.validateUntil(
    (report) => findingsOf(report).filter(({ code }) => code === "PARTY_DOWN").length === 4,
  );
  expect(findingsOf(gone.report)).toEqual(parties.map((party) => ({ code: "PARTY_DOWN", party })));
  const { code, report } = await net.validate("--stage", "network");
  expect(findingsOf(report)).toEqual([]);
  expect({ code, up: report.linksUp }).toEqual({ code: 0, up: 12 });
  for (const link of report.links)
    expect(link.probe?.sourceSeenByPeer).toMatch(new RegExp(`^127\\.\\d+\\.0\\.${link.from}$`));
  await scale(1);
  expect((await net.validateUntil(isOk)).code).toBe(0);
});

test("the same four parties move to public addresses and back, with every link up; a stranger gets in neither way", async () => {
  const { k } = await devnetStatus(net.folder);
  const { internet, link } = addressesOf(k);
  const stranger = () => Promise.all(parties.map((party) => dial(internet(0, party), 50_001)));
  // What can be moved at all is moved at once: the whole network goes by one manifest.
  const move = async (transport: string) => {
    expect(await net.command("devnet", "up", "--transport", transport)).toMatchObject({ code: 0 });
  };
  const bringUp = async () => {
    const up = await net.command("up", "--all", "--yes");
    expect(up, up.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("4 of 4 parties changed") });
  };
  expect(await stranger()).toEqual(parties.map(() => "ECONNREFUSED"));

  await move("kubeip");
  const preview = await net.command("preview", "--party", "1");
  expect(preview).toMatchObject({ code: 0 });
  // The nodes, the ways to the peers, and their names; neither vaults nor keys.
  expect(preview.stdout).toMatch(/replace +party-1-enclaves-nodegroup /);
  for (const peer of [2, 3, 4]) {
    expect(preview.stdout).toMatch(new RegExp(`replace +party-1-hosts-party-${peer} `));
    expect(preview.stdout).toMatch(new RegExp(`delete +party-1-peers-party-${peer} +aws:ec2/vpcEndpoint:VpcEndpoint`));
  }
  expect(preview.stdout).not.toMatch(/aws:(s3|kms)\//);
  await bringUp();
  // Helm does not wait for cores whose certificates others bring.
  expect((await net.validateUntil(isOk)).report).toMatchObject({ verdict: "OK", linksUp: 12 });
  // Every firewall lets the peers in, and nobody else.
  expect(await dial(internet(2, 1), 50_001)).toBe("connected");
  expect(await stranger()).toEqual(parties.map(() => "silence"));

  await move("privatelink");
  await bringUp();
  expect((await net.validateUntil(isOk)).report).toMatchObject({ verdict: "OK", linksUp: 12 });
  // From the internet nobody gets in any more, peers neither: they come by their endpoints.
  expect(await dial(link(2, 1), 50_001)).toBe("connected");
  expect(await dial(internet(2, 1), 50_001)).toBe("ECONNREFUSED");
  expect(await stranger()).toEqual(parties.map(() => "ECONNREFUSED"));
}, 600_000);

test("without the Secret that pulls its images the core's release is left as it is, and up says what to type", async () => {
  const history = ["-n", "kms-decentralized", "history", "kms-core"];
  const helm = async () => (await net.run("helm", history, net.environment(2))).stdout;
  const before = await helm();
  const file = join(net.folder, "stacks/Pulumi.party-2.yaml");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace("quorate:release: 0.13.20", "quorate:release: 0.13.10"));
  await net.kubectl(2, "delete", "secret", "registry-credentials");
  const refused = await net.command("up", "--party", "2", "--yes");
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/SECRETS_MISSING {2}party 2 .*: its core/),
  });
  expect(refused.stderr).toContain("create secret generic registry-credentials");
  expect(await helm()).toBe(before);
  await writeFile(file, text);
});

test("then `devnet down` leaves no process and no port behind", async () => {
  const { k } = await devnetStatus(net.folder);
  expect(listenersIn(k)).not.toEqual([]);
  expect(await net.command("devnet", "down")).toMatchObject({ code: 0 });
  expect(processesOf(net.folder)).toEqual([]);
  expect(listenersIn(k)).toEqual([]);
  expect(await readdir(join(net.folder, ".quorate"))).not.toEqual(expect.arrayContaining(["devnet"]));
  expect(await readdir(join(net.folder, ".quorate"))).not.toEqual(expect.arrayContaining(["devnet.lock"]));
});
