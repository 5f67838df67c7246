import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { canonicalJson, manifestDigest } from "../../contract/manifest-digest.ts";
import type { PartyId } from "../../contract/names.ts";
import { NetworkManifest, partyHost, thresholdFor } from "../../contract/network-manifest.ts";
import { rawManifest, release } from "../support/network.ts";

/** What an operator reads of a manifest with one thing spoiled. */
function complaint(spoil: (manifest: ReturnType<typeof rawManifest>) => void, n = 4): string {
  const manifest = rawManifest(n);
  spoil(manifest);
  const result = NetworkManifest.safeParse(manifest);
  return result.success ? "accepted" : z.prettifyError(result.error);
}

test("a manifest of four parties is accepted, with every default filled in", () => {
  const manifest = NetworkManifest.parse(rawManifest());
  expect(manifest).toMatchObject({
    namespace: "kms-decentralized",
    ports: { grpc: 50_100, peer: 50_001, metrics: 9_646 },
    enclave: { cpuCount: 48, memoryGib: 96 },
    protocol: { decryptionMode: "NoiseFloodSmall", decCapacity: 10_000 },
  });
  expectTypeOf(manifest.parties[0]?.id).toEqualTypeOf<PartyId | undefined>();
  expect(partyHost({ id: 7 as PartyId })).toBe("mpc-node-7");
});

describe("a manifest is refused", () => {
  test("with a duplicate id, naming the field and the first owner", () => {
    const text = complaint((manifest) => {
      manifest.parties[2].id = 1;
    });
    expect(text).toContain("party id 1 is already taken by parties[0]");
    expect(text).toContain("→ at parties[2].id");
  });

  test("with a wrong n for t, and the right t is said", () => {
    expect(
      complaint((manifest) => {
        manifest.threshold = 4;
      }, 7),
    ).toContain("7 parties need threshold 2 (n = 3t + 1), found 4");
  });

  test("with a number of parties that no t fits, and the nearest numbers are said", () => {
    expect(complaint(() => {}, 5)).toContain(
      "no threshold fits 5 parties: n = 3t + 1 allows 4 (t = 1) or 7 (t = 2), found t = 1",
    );
  });

  test("with an unknown key", () => {
    expect(
      complaint((manifest) => {
        manifest.treshold = 1;
      }),
    ).toContain('Unrecognized key: "treshold"');
  });

  test("with a PCR of 95 digits", () => {
    expect(
      complaint((manifest) => {
        manifest.trustedReleases[0].pcr1 = "a".repeat(95);
      }),
    ).toContain("a PCR is 96 hex digits (SHA-384), found 95");
  });

  test("with an all-zero PCR, which is a debug-mode enclave's, even on a devnet", () => {
    expect(
      complaint((manifest) => {
        manifest.trustedReleases[0].pcr0 = "0".repeat(96);
      }),
    ).toContain("never trusted");
  });

  test("with no trusted release, which would turn attestation off", () => {
    expect(
      complaint((manifest) => {
        manifest.trustedReleases = [];
      }),
    ).toContain("turns attestation checking off");
  });

  test("with a release listed twice", () => {
    expect(complaint((manifest) => void manifest.trustedReleases.push(release("0.13.10", "3")))).toContain(
      "release 0.13.10 is listed twice",
    );
  });

  test("with another attestation root than Nitro's outside a devnet", () => {
    const root = "e".repeat(64);
    expect(
      complaint((manifest) => {
        manifest.attestationRootSha256 = root;
      }),
    ).toBe("accepted");
    expect(
      complaint((manifest) => void Object.assign(manifest, { attestationRootSha256: root, environment: "testnet" })),
    ).toContain("only a devnet may trust another attestation root");
  });

  test("with an account id that YAML read as a number", () => {
    expect(
      complaint((manifest) => {
        manifest.parties[0].accountId = 100000000001;
      }),
    ).toContain("an AWS account id is a quoted string of 12 digits");
  });

  test("with an odd number of enclave CPUs", () => {
    expect(
      complaint((manifest) => {
        manifest.enclave = { cpuCount: 7 };
      }),
    ).toContain("cpuCount has to be even");
  });
});

describe("thresholdFor", () => {
  test("n = 3t + 1 gives t, for every t", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1_000 }), (t) => thresholdFor(3 * t + 1) === t));
  });

  test("every other n gives nothing", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3_000 }), (n) => {
        fc.pre(n < 4 || n % 3 !== 1);
        return thresholdFor(n) === undefined;
      }),
    );
  });

  test("what it gives is what the manifest accepts", () => {
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 40 }), (n) => {
        const threshold = thresholdFor(n);
        const manifest = { ...rawManifest(n), threshold: threshold ?? 1 };
        return NetworkManifest.safeParse(manifest).success === (threshold !== undefined);
      }),
      { numRuns: 37 },
    );
  });
});

describe("the digest", () => {
  const manifest = NetworkManifest.parse(rawManifest());

  test("does not change with the order of keys, nor with defaults that are spelled out", () => {
    const reversed = Object.fromEntries(Object.entries(rawManifest()).reverse());
    const spelled = { ...rawManifest(), namespace: "kms-decentralized", enclave: { memoryGib: 96, cpuCount: 48 } };
    expect(manifestDigest(NetworkManifest.parse(reversed))).toBe(manifestDigest(manifest));
    expect(manifestDigest(NetworkManifest.parse(spelled))).toBe(manifestDigest(manifest));
  });

  test("changes with any value", () => {
    const other = NetworkManifest.parse({ ...rawManifest(), namespace: "elsewhere" });
    expect(manifestDigest(other)).not.toBe(manifestDigest(manifest));
  });

  test("canonical JSON reads back as the same value, whatever the order of its keys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const shuffled = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(shuffled)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
