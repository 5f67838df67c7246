import { execFileSync } from "node:child_process";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { chartDigest } from "../../stacks/chart-digest.ts";
import { listNetworks, readManifest } from "../../stacks/manifest-file.ts";
import { settleParty } from "../../stacks/party-settings.ts";
import { stacksDir } from "../../stacks/project.ts";
import { parseStackConfig, readStackConfig, readStackValues } from "../../stacks/stack-file.ts";
import { hex, rawManifest, rawStackConfig, StacksDir } from "../support/network.ts";
import { problemOf } from "../support/refusal.ts";

describe("a network manifest", () => {
  test("is read with its digest", async () => {
    await using stacks = await StacksDir.create();
    const { manifest, digest } = await readManifest(stacks.manifestPath);
    expect(manifest.network).toBe("devnet");
    expect(digest).toMatch(/^sha256:/);
    expect(await listNetworks(stacks.dir)).toEqual(["devnet"]);
  });

  test("that is not there is named", async () => {
    await using stacks = await StacksDir.create();
    const path = join(stacks.dir, "networks", "testnet.yaml");
    expect(await problemOf(readManifest(path))).toMatchObject({
      code: "MANIFEST_MISSING",
      what: expect.stringContaining(path),
      found: "no such file",
    });
  });

  test("that is not YAML is refused with the line", async () => {
    await using stacks = await StacksDir.create();
    await stacks.writeManifest("contract: network/v1\nparties: [1, 2\nthreshold: 1\n");
    expect(await problemOf(readManifest(stacks.manifestPath))).toMatchObject({
      code: "MANIFEST_UNREADABLE",
      found: expect.stringMatching(/^line [23]: /),
    });
  });

  test("with a key written twice is refused: the second would win silently", async () => {
    await using stacks = await StacksDir.create();
    await stacks.writeManifest("threshold: 1\nthreshold: 4\n");
    expect(await problemOf(readManifest(stacks.manifestPath))).toMatchObject({
      code: "MANIFEST_UNREADABLE",
      found: expect.stringContaining("line 2"),
    });
  });

  test("with an unknown key is refused with its name", async () => {
    await using stacks = await StacksDir.create();
    await stacks.writeManifest({ ...rawManifest(), treshold: 1 });
    expect(await problemOf(readManifest(stacks.manifestPath))).toMatchObject({
      code: "MANIFEST_INVALID",
      found: expect.stringContaining('"treshold"'),
      next: expect.stringContaining(stacks.manifestPath),
    });
  });

  test("under another network's file name is refused", async () => {
    await using stacks = await StacksDir.create();
    const path = join(stacks.dir, "networks", "testnet.yaml");
    await rename(stacks.manifestPath, path);
    expect(await problemOf(readManifest(path))).toMatchObject({
      found: "network: devnet",
      expected: "network: testnet",
    });
  });
});

describe("a stack file", () => {
  test("is read from its keys, with other namespaces left alone", async () => {
    await using stacks = await StacksDir.create();
    const path = await stacks.writeStack("party-1", rawStackConfig());
    await writeFile(path, `${await readFile(path, "utf8")}  aws:region: eu-west-1\n`);
    expect(await readStackConfig(path)).toMatchObject({ party: 1, accountId: "100000000001" });
  });

  test("may hold the party as text, as `pulumi config set` writes it", () => {
    expect(parseStackConfig({ ...rawStackConfig(), party: "3" }, "Pulumi.party-3.yaml").party).toBe(3);
  });

  test("with an unknown key, or without a needed one, is refused by name", async () => {
    await using stacks = await StacksDir.create();
    const { release: _, ...rest } = rawStackConfig();
    const path = await stacks.writeStack("party-1", { ...rest, relase: "0.13.20" });
    const problem = await problemOf(readStackConfig(path));
    expect(problem).toMatchObject({ code: "STACK_INVALID", what: expect.stringContaining(path) });
    expect(problem?.found).toContain('"relase"');
    expect(problem?.found).toContain("→ at release");
  });

  test("without configuration is refused", async () => {
    await using stacks = await StacksDir.create();
    const path = join(stacks.dir, "Pulumi.empty.yaml");
    await writeFile(path, "");
    expect(await problemOf(readStackConfig(path))).toMatchObject({ code: "STACK_INVALID" });
  });
});

test("public addresses that a network has no use for yet are no error, but said", async () => {
  async function notes(transport: string) {
    await using stacks = await StacksDir.create({ ...rawManifest(), transport });
    const config = { ...rawStackConfig(), kubeip: { publicSubnetIds: ["subnet-0c"] } };
    const source = "Pulumi.party-1.yaml";
    const file = await readManifest(stacks.manifestPath);
    return (await settleParty(parseStackConfig(config, source), file, source)).nodeNotes;
  }
  expect(await notes("privatelink")).toEqual([
    expect.stringMatching(
      /^quorate:kubeip in Pulumi\.party-1\.yaml does nothing while .*devnet\.yaml says transport: privatelink/,
    ),
  ]);
  expect(await notes("kubeip")).toEqual([]);
});

describe("a stack that does not fit its network is refused:", () => {
  async function problem(spoil: (config: ReturnType<typeof rawStackConfig>) => void, manifest = rawManifest()) {
    await using stacks = await StacksDir.create(manifest);
    const config = rawStackConfig();
    spoil(config);
    const source = "Pulumi.party-1.yaml";
    return await problemOf(
      readManifest(stacks.manifestPath).then((file) => settleParty(parseStackConfig(config, source), file, source)),
    );
  }

  test("a party that is not in the manifest", async () => {
    expect(
      await problem((config) => {
        config.party = 9;
      }),
    ).toMatchObject({
      code: "PARTY_NOT_IN_MANIFEST",
      found: "quorate:party: 9 in Pulumi.party-1.yaml",
      expected: expect.stringContaining("one of 1, 2, 3, 4"),
    });
  });

  test("another account", async () => {
    expect(
      await problem((config) => {
        config.accountId = "999999999999";
      }),
    ).toMatchObject({
      code: "MANIFEST_MISMATCH",
      found: "quorate:accountId: 999999999999 in Pulumi.party-1.yaml",
      expected: expect.stringContaining("accountId: 100000000001"),
    });
  });

  test("another region", async () => {
    expect(
      await problem((config) => {
        config.region = "eu-central-1";
      }),
    ).toMatchObject({
      code: "MANIFEST_MISMATCH",
      found: expect.stringContaining("quorate:region: eu-central-1"),
    });
  });

  test("a release that its peers would refuse", async () => {
    expect(
      await problem((config) => {
        config.release = "0.14.0";
      }),
    ).toMatchObject({
      code: "RELEASE_NOT_IN_MANIFEST",
      expected: expect.stringContaining("one of 0.13.10, 0.13.20"),
    });
  });

  test("measurements that lock its own release out of its vault", async () => {
    expect(
      await problem((config) => {
        config.allowedPcr0 = [hex(96, "1")];
      }),
    ).toMatchObject({
      code: "RELEASE_LOCKED_OUT",
      expected: expect.stringContaining(hex(96, "2")),
    });
  });

  test("a measurement that no trusted release has", async () => {
    expect(
      await problem((config) => {
        config.allowedPcr0 = [hex(96, "2"), hex(96, "7")];
      }),
    ).toMatchObject({
      code: "MEASUREMENT_NOT_TRUSTED",
      found: expect.stringContaining(hex(96, "7")),
    });
  });

  test.each([
    ["of the party's own account", "arn:aws:kms:eu-west-1:100000000001:key/1"],
    ["of another region", "arn:aws:kms:eu-central-1:200000000001:key/1"],
  ])("a named key %s", async (_what, arn) => {
    expect(
      await problem((config) => {
        config.partyKey = { arn };
      }),
    ).toMatchObject({ code: "PARTY_KEY_MISPLACED", found: expect.stringContaining(arn) });
  });

  test("backups in the account that they are to outlive", async () => {
    expect(
      await problem((config) => {
        config.backup = { accountId: config.accountId };
      }),
    ).toMatchObject({ code: "BACKUP_MISPLACED", found: expect.stringContaining("quorate:backup.accountId") });
  });

  test("a cluster's name that leaves none for a role, unless one is chosen", async () => {
    const long = (config: { cluster: { create: { name: string } } }) => {
      config.cluster.create.name = "c".repeat(60);
    };
    expect(await problem(long)).toMatchObject({ code: "NAME_TOO_LONG", next: expect.stringContaining("roles.core") });
    expect(
      await problem((config) => {
        long(config);
        config.roles = { core: "core", connector: "connector" };
        config.accountId = "100000000009";
      }),
    ).toMatchObject({ code: "MANIFEST_MISMATCH" });
  });

  test("an allocator smaller than the enclave", async () => {
    expect(
      await problem((config) => {
        config.enclaveNodes.allocatorMemoryMib = 4_096;
      }),
    ).toMatchObject({
      code: "ALLOCATOR_TOO_SMALL",
      found: "quorate:enclaveNodes.allocatorMemoryMib: 4096 in Pulumi.party-1.yaml",
      expected: expect.stringContaining("at least 98304"),
    });
  });

  test("a node image of another Kubernetes version than the cluster's", async () => {
    expect(
      await problem((config) => {
        config.enclaveNodes.amiReleaseVersion = "1.32.3-20250620";
      }),
    ).toMatchObject({
      code: "AMI_VERSION_MISMATCH",
      expected: expect.stringContaining("1.33"),
    });
  });

  test("an endpoint service in a region where the network has none, unless its parties agreed on it", async () => {
    const offer = (config: { endpointService: string }) => {
      config.endpointService = "created";
    };
    const mainnet = { ...rawManifest(), environment: "mainnet" };
    expect(await problem(offer, mainnet)).toMatchObject({
      code: "ENDPOINT_SERVICE_REGION",
      found: expect.stringContaining("quorate:region: eu-west-1"),
      expected: expect.stringMatching(/^eu-central-1, usual for environment: mainnet/),
    });
    const agreed = { ...mainnet, privatelink: { regions: ["eu-west-2"] } };
    expect(await problem(offer, agreed)).toMatchObject({ expected: expect.stringContaining("privatelink.regions") });
  });

  test("public addresses without a place for the nodes, or fewer than nodes", async () => {
    const manifest = { ...rawManifest(), transport: "kubeip" };
    expect(await problem(() => {}, manifest)).toMatchObject({
      code: "KUBEIP_SETTINGS_MISSING",
      found: expect.stringContaining("transport: kubeip"),
    });
    // biome-ignore lint/suspicious/noExplicitAny: as raw as YAML gives it
    const short = (config: any) => {
      config.kubeip = { publicSubnetIds: ["subnet-0c"], allocationIds: ["eipalloc-01"] };
      config.enclaveNodes.maxSize = 2;
    };
    expect(await problem(short, manifest)).toMatchObject({
      code: "ADDRESS_POOL_TOO_SMALL",
      found: expect.stringMatching(/^1 in quorate:kubeip\.allocationIds/),
      expected: expect.stringMatching(/^at least 2/),
    });
  });

  test("a chart that is not there", async () => {
    const manifest = rawManifest();
    manifest.chart.ref = "../nowhere";
    expect(await problem(() => {}, manifest)).toMatchObject({ code: "CHART_MISSING" });
  });

  test("a chart of a version whose values nobody knows is refused, by the versions that are known", async () => {
    const manifest = rawManifest();
    manifest.chart.version = "1.4.4";
    expect(await problem(() => {}, manifest)).toMatchObject({
      code: "CHART_UNFIT",
      found: expect.stringContaining("chart.version: 1.4.4"),
      expected: expect.stringContaining("1.5.2, 1.6.0"),
    });
  });
});

describe("a chart in a directory", () => {
  test("with one changed byte is refused, and both digests are said", async () => {
    await using stacks = await StacksDir.create();
    const file = await readManifest(stacks.manifestPath);
    await writeFile(join(stacks.dir, "chart", "Chart.yaml"), "name: kms-core\nversion: 1.9.2\n");
    const config = parseStackConfig(rawStackConfig(), "Pulumi.party-1.yaml");
    expect(await problemOf(settleParty(config, file, "Pulumi.party-1.yaml"))).toMatchObject({
      code: "CHART_CHANGED",
      found: expect.stringContaining(await chartDigest(join(stacks.dir, "chart"))),
      expected: expect.stringContaining(file.manifest.chart.digest),
    });
  });

  test("has another digest once a file is renamed or added", async () => {
    await using stacks = await StacksDir.create();
    const dir = join(stacks.dir, "chart");
    const before = await chartDigest(dir);
    await rename(join(dir, "Chart.yaml"), join(dir, "chart.yaml"));
    const renamed = await chartDigest(dir);
    await writeFile(join(dir, "values.yaml"), "");
    expect(new Set([before, renamed, await chartDigest(dir)]).size).toBe(3);
  });

  test("in a registry is installed by the digest that was agreed on", async () => {
    const manifest = rawManifest();
    manifest.chart.ref = "oci://registry.example/kms-core";
    await using stacks = await StacksDir.create(manifest);
    const config = parseStackConfig(rawStackConfig(), "Pulumi.party-1.yaml");
    const { chart } = await settleParty(config, await readManifest(stacks.manifestPath), "Pulumi.party-1.yaml");
    expect(chart.ref).toMatch(/^oci:\/\/registry\.example\/kms-core@sha256:[0-9a-f]{64}$/);
  });
});

test.for([
  [
    "a merge key",
    "shared: &shared\n  quorate:logs: { shipping: none }\nconfig:\n  <<: *shared\n",
    "line 4: a merge key",
  ],
  ["a number that is octal to some", "config:\n  quorate:party: 010\n", "line 2: 010, which is 10"],
] as const)("what the engine reads otherwise than we is refused: %s", async ([, text, found]) => {
  await using stacks = await StacksDir.create();
  const path = join(stacks.dir, "Pulumi.party-1.yaml");
  await writeFile(path, text);
  const problem = await problemOf(readStackConfig(path));
  expect(problem).toMatchObject({ code: "STACK_UNREADABLE", found: expect.stringContaining(found) });
});

test("a date, a quoted number and a quoted `<<` are no riddle to anybody", async () => {
  await using stacks = await StacksDir.create();
  const path = join(stacks.dir, "Pulumi.party-1.yaml");
  await writeFile(path, 'config:\n  quorate:a: 2026-03-04\n  quorate:b: "010"\n  quorate:c: { "<<": 0, d: 0.5 }\n');
  const { values } = await readStackValues(path);
  expect(values).toEqual({ a: "2026-03-04", b: "010", c: { "<<": 0, d: 0.5 } });
});

test.each([
  ["a NUL", Buffer.from("name: par\0ty\n"), "line 2: the control character U+0000"],
  ["a colour", Buffer.from("name: \u001b[31mred\n"), "line 2: the control character U+001B"],
  ["Latin-1", Buffer.from("name: M\u00fcller\n", "latin1"), "line 2: a byte that is not UTF-8"],
  ["UTF-16", Buffer.from("\ufeffname: party\n", "utf16le"), "line 2: a byte that is not UTF-8"],
])(
  "a file with %s in it is refused, with the line: half a name would be taken for a whole one",
  async (_, bytes, found) => {
    await using stacks = await StacksDir.create();
    await writeFile(stacks.manifestPath, Buffer.concat([Buffer.from("# \n"), bytes]));
    expect(await problemOf(readManifest(stacks.manifestPath))).toMatchObject({
      code: "MANIFEST_UNREADABLE",
      found: expect.stringContaining(found),
      next: expect.stringContaining(stacks.manifestPath),
    });
  },
);

test("a file with a byte order mark, or lines that end as on Windows, says what it says without", async () => {
  await using stacks = await StacksDir.create();
  const { digest } = await readManifest(stacks.manifestPath);
  const text = await readFile(stacks.manifestPath, "utf8");
  await writeFile(stacks.manifestPath, `\ufeff${text.replaceAll("\n", "\r\n")}`);
  expect((await readManifest(stacks.manifestPath)).digest).toBe(digest);
});

test("a pipe in the place of a stack file is refused, not waited for", async () => {
  await using stacks = await StacksDir.create();
  const path = join(stacks.dir, "Pulumi.party-9.yaml");
  execFileSync("mkfifo", [path]);
  expect(await problemOf(readStackConfig(path))).toMatchObject({ code: "FILE_UNUSABLE", found: "a pipe" });
});

test("the stacks directory is the named one, else the one beside the nearest Pulumi.yaml", () => {
  const root = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
  expect(stacksDir({ QUORATE_STACKS_DIR: "elsewhere" }, "/somewhere")).toBe("/somewhere/elsewhere");
  expect(stacksDir({}, join(root, "test", "stacks"))).toBe(join(root, "stacks"));
});
