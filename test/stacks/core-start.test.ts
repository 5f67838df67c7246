import "reflect-metadata";
import { describe, expect, test } from "vitest";
import { coreValues } from "../../components/zama-kms/core-values.ts";
import { PartyId } from "../../contract/names.ts";
import { NetworkManifest } from "../../contract/network-manifest.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import type { PartyCard } from "../../contract/party-card.ts";
import { StackConfig } from "../../contract/stack-config.ts";
import { settleCoreStart } from "../../stacks/core-start.ts";
import { type LastDeployment, neverDeployed } from "../../stacks/deployment-facts.ts";
import { lastDeploymentOf } from "../../stacks/last-deployment.ts";
import { checkLiveParty } from "../../stacks/live-party.ts";
import { caCertificate, cardContent, digestOf } from "../support/cards.ts";
import { rawManifest, rawStackConfig } from "../support/network.ts";

const manifest = NetworkManifest.parse(rawManifest());
const config = (change: object = {}) =>
  StackConfig.parse({ ...rawStackConfig(), peerCertificates: "cards", ...change });

/** Cards of peers; a number alone is a card without a certificate. */
async function cards(...ids: (number | { of: number })[]): Promise<Map<number, PartyCard>> {
  const each = ids.map(async (id) => {
    const [partyId, certificate] =
      typeof id === "number" ? [id, null] : [id.of, await caCertificate(`mpc-node-${id.of}`)];
    const content = cardContent({ partyId: PartyId.parse(partyId), caCertificate: certificate });
    return [
      partyId,
      { ...content, signingKey: { id: "", fingerprint: digestOf("1") } } as unknown as PartyCard,
    ] as const;
  });
  return new Map(await Promise.all(each));
}

const running = (peerCertificates?: string): LastDeployment => ({
  prefixes: { public: "PUB-p1", private: "PRV-p1" },
  place: { party: "1", accountId: "100000000001", region: "eu-west-1" },
  core: { imageDigest: digestOf("2"), peerCertificates },
});

describe("the first core of a party", () => {
  test("is held back for every peer whose certificate no accepted card brings, and says for whom and why", async () => {
    const { start, notes } = settleCoreStart(config(), manifest, await cards({ of: 2 }, 3), neverDeployed);
    expect(start).toEqual({ heldFor: [3, 4], peerCertificates: undefined });
    expect(notes).toEqual([
      "the core is held back until every peer's CA certificate is there: no card of party 4, no certificate in the card of party 3. Its keys and its own certificate are made now; npx quorate cards sync, then npx quorate up",
    ]);
  });

  test("starts once all are there, with a pod that says which they are", async () => {
    const all = await cards({ of: 4 }, { of: 3 }, { of: 2 });
    const { start, notes } = settleCoreStart(config(), manifest, all, neverDeployed);
    expect(start.heldFor).toEqual([]);
    expect(start.peerCertificates).toMatch(/^p2:[0-9a-f]{16} p3:[0-9a-f]{16} p4:[0-9a-f]{16}$/);
    expect(notes).toEqual([]);
    expect(settleCoreStart(config(), manifest, all, running(start.peerCertificates))).toEqual({ start, notes: [] });
  });

  test("waits for nobody where somebody else brings the certificates, and says nothing where it is withheld", () => {
    const copied = config({ peerCertificates: "copied" });
    expect(settleCoreStart(copied, manifest, new Map(), neverDeployed)).toEqual({
      start: { heldFor: [], peerCertificates: undefined },
      notes: [],
    });
    expect(settleCoreStart(config({ core: "withheld" }), manifest, new Map(), neverDeployed).notes).toEqual([]);
  });
});

describe("a core that runs", () => {
  test("is not stopped, and not restarted, because a card is gone", async () => {
    const { start, notes } = settleCoreStart(config(), manifest, await cards({ of: 2 }, { of: 3 }), running("p2:a"));
    expect(start).toEqual({ heldFor: [], peerCertificates: "p2:a" });
    expect(notes).toEqual([expect.stringContaining("goes on with the CA certificates that it has")]);
    expect(notes[0]).toContain("accepted card of party 4; npx quorate cards sync");
  });

  test("restarts for a rotated certificate, aloud: whose it is, and that one party comes after the other", async () => {
    const [before, after] = [await cards({ of: 2 }, { of: 3 }, { of: 4 }), await cards({ of: 3 })];
    const { start } = settleCoreStart(config(), manifest, before, neverDeployed);
    const rotated = settleCoreStart(
      config(),
      manifest,
      new Map([...before, ...after]),
      running(start.peerCertificates),
    );
    expect(rotated.start.heldFor).toEqual([]);
    expect(rotated.start.peerCertificates).not.toBe(start.peerCertificates);
    expect(rotated.notes).toEqual([
      expect.stringMatching(
        /^the core restarts, to read the CA certificate of party 3: .*one party .* after the other/,
      ),
    ]);
  });
});

test("what the engine keeps of a release tells whether the core runs, of which image and with which certificates", () => {
  const image = { tag: `v0.13.20@${digestOf("2")}` };
  const release = (enabled: boolean, more: object = {}) => ({
    type: "kubernetes:helm.sh/v3:Release",
    outputs: { name: "kms-core", values: { kmsCore: { enabled, image }, ...more } },
  });
  const data = {
    KMS_CORE__PUBLIC_VAULT__STORAGE__S3__PREFIX: "PUB-p1",
    KMS_CORE__PRIVATE_VAULT__STORAGE__S3__PREFIX: "PRV-p1",
  };
  const map = { type: "kubernetes:core/v1:ConfigMap", outputs: { metadata: { name: "mpc-party" }, data } };
  const other = { type: "kubernetes:core/v1:ConfigMap", outputs: { metadata: { name: "other" }, data: {} } };
  const prefixes = { public: "PUB-p1", private: "PRV-p1" };
  expect(lastDeploymentOf([])).toEqual(neverDeployed);
  expect(lastDeploymentOf([other, release(false), map, "?"])).toEqual({
    prefixes,
    core: undefined,
    releases: ["kms-core"],
  });
  expect(lastDeploymentOf([release(true, { podAnnotations: { "quorate.dev/peer-certificates": "p2:a" } })])).toEqual({
    prefixes: undefined,
    core: { imageDigest: digestOf("2"), peerCertificates: "p2:a" },
    releases: ["kms-core"],
  });
  // What the program itself gives to Helm is what is read back.
  const [agreed] = manifest.trustedReleases;
  if (!agreed) throw new Error("the example trusts a release");
  const vault = { bucketName: "b", prefix: "p" };
  const values = coreValues(manifest, {
    ...{ partyId: 1, region: "eu-west-1", release: agreed, serviceAccount: "a", configMapName: "m", nodeKey: "n" },
    ...{ publicVault: vault, privateVault: { ...vault, keyId: "k", keySpec: "symm" } },
    start: { heldFor: [], peerCertificates: "p2:b" },
  });
  const resource = { type: "kubernetes:helm.sh/v3:Release", outputs: { name: "kms-core", values } };
  expect(lastDeploymentOf([resource]).core).toEqual({ imageDigest: agreed.image.digest, peerCertificates: "p2:b" });
});

describe("a party that lives", () => {
  const files = { source: "Pulumi.party-1.yaml", manifestPath: "networks/devnet.yaml" };
  const [older, newer] = manifest.trustedReleases;
  if (!older || !newer) throw new Error("the example trusts two releases");
  const problemOf = (act: () => void) => {
    try {
      act();
    } catch (failure) {
      if (failure instanceof OperatorError) return failure.problem;
      throw failure;
    }
    return undefined;
  };
  const check = (change: object, last: LastDeployment, trusted = manifest) =>
    problemOf(() => checkLiveParty({ config: config(change), manifest: trusted, release: newer }, last, files));

  test.each([
    ["party", 2],
    ["accountId", "100000000002"],
    ["region", "eu-central-1"],
  ])("keeps its %s, also where the manifest has another", (field, value) => {
    expect(check({ [field]: value }, neverDeployed)).toBeUndefined();
    expect(
      check(
        { [field]: value, ...(field === "party" && { vaults: { publicPrefix: "PUB-p1", privatePrefix: "PRV-p1" } }) },
        running(),
      ),
    ).toMatchObject({
      code: "LIVE_PARTY_MOVED",
      found: `quorate:${field}: ${value} in Pulumi.party-1.yaml`,
      expected: `${field}: ${Object(running().place)[field]}, as when they were made`,
      exitCode: 3,
    });
  });

  test("is where its provider worked, once it has a key or a vault", () => {
    const provider = {
      type: "pulumi:providers:aws",
      outputs: {
        region: "eu-west-1",
        allowedAccountIds: '["100000000001"]',
        defaultTags: '{"tags":{"network":"devnet","party":"1"}}',
      },
    };
    expect(lastDeploymentOf([provider]).place).toBeUndefined();
    expect(lastDeploymentOf([provider, { type: "aws:kms/key:Key" }]).place).toEqual(running().place);
  });

  test("keeps the prefixes of its vaults, also where the field is only left out", () => {
    expect(check({}, running())).toBeUndefined();
    expect(check({ vaults: { privatePrefix: "PRV-other" } }, neverDeployed)).toBeUndefined();
    expect(check({ vaults: { privatePrefix: "PRV-other" } }, running())).toMatchObject({
      code: "VAULT_PREFIX_LIVE",
      found: "quorate:vaults.privatePrefix: PRV-other in Pulumi.party-1.yaml",
      expected: "PRV-p1, below which the party's objects lie",
      next: "put quorate:vaults.privatePrefix: PRV-p1 back into Pulumi.party-1.yaml",
      exitCode: 3,
    });
    const mine = { ...running(), prefixes: { public: "PUB-mine", private: "PRV-p1" } };
    expect(check({}, mine)).toMatchObject({
      code: "VAULT_PREFIX_LIVE",
      found: "no quorate:vaults.publicPrefix in Pulumi.party-1.yaml, which means PUB-p1",
    });
  });

  test("keeps the measurement of the enclave that runs, until another one does", () => {
    const runs = (digest: string): LastDeployment => ({
      ...running(),
      core: { imageDigest: digest, peerCertificates: undefined },
    });
    const onlyNew = { allowedPcr0: [newer.pcr0] };
    expect(check(onlyNew, runs(newer.image.digest))).toBeUndefined();
    expect(check({ allowedPcr0: [older.pcr0, newer.pcr0] }, runs(older.image.digest))).toBeUndefined();
    expect(check({}, runs(older.image.digest))).toBeUndefined();
    expect(check(onlyNew, runs(older.image.digest))).toMatchObject({
      code: "RUNNING_RELEASE_LOCKED_OUT",
      found: expect.stringContaining("release 0.13.10 runs, and quorate:allowedPcr0"),
      expected: expect.stringContaining(older.pcr0),
    });
    const forgotten = { ...manifest, trustedReleases: [newer] };
    expect(check({}, runs(older.image.digest), forgotten)).toMatchObject({
      code: "RUNNING_RELEASE_LOCKED_OUT",
      found: expect.stringContaining(older.image.digest),
      next: expect.stringContaining("put its release back into networks/devnet.yaml"),
    });
  });
});
