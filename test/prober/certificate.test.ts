import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  parseAttestation,
  parseCertificate,
  readCbor,
  readDer,
  readProto,
} from "../../components/kubernetes/prober.mjs";
import { pathCodes } from "../../contract/probe.ts";
import { bootEnclave } from "../../devnet/attestation.ts";
import { attestationOid, certificatePem, createCertificate, subjectAltName } from "../../devnet/nodes/certificates.ts";
import { propertyRuns } from "../support/property-runs.ts";
import { createParty, createRoot, hourMs, judged, refusedByCore, release, root } from "./judged-certificates.ts";

const identity = "mpc-node-2";
const zeros = "0".repeat(96);
const other = { ...release, pcr1: "d4".repeat(48) };

describe("prober and core, written apart, judge alike", () => {
  const cases: [string, Parameters<typeof createParty>[1], string, string, RegExp][] = [
    [
      "an expired leaf",
      { endsInMs: -hourMs, startsInMs: -25 * hourMs },
      "EXPIRED_CERTIFICATE",
      "certificate",
      /expired at/,
    ],
    [
      "a leaf of tomorrow",
      { startsInMs: hourMs, endsInMs: 2 * hourMs },
      "CERTIFICATE_NOT_YET_VALID",
      "certificate",
      /not valid before/,
    ],
    [
      "a leaf for another name",
      { leafName: "mpc-node-3" },
      "WRONG_CERTIFICATE",
      "certificate",
      /is for another name: CN mpc-node-3/,
    ],
    ["a release with one other PCR", { pcrs: other }, "UNTRUSTED_RELEASE", "attestation", /PCR0 a1a1a1a1…a1a1a1a1/],
    [
      "a debug enclave",
      { pcrs: { pcr0: zeros, pcr1: zeros, pcr2: zeros } },
      "UNTRUSTED_RELEASE",
      "attestation",
      /debug/,
    ],
    ["another attestation root", { root: createRoot() }, "WRONG_CERTIFICATE", "attestation", /another root/],
    [
      "a document for another key",
      { attest: () => bootEnclave(root, release).attest(Buffer.from("3000", "hex")) },
      "WRONG_CERTIFICATE",
      "attestation",
      /another key/,
    ],
    [
      "bytes for a document",
      { attest: () => Buffer.from("d2844100", "hex") },
      "WRONG_CERTIFICATE",
      "attestation",
      /read/,
    ],
  ];
  test.each(cases)("%s", (_what, options, code, stage, detail) => {
    const party = createParty(identity, options);
    const found = judged(party.certificate, party.caPem);
    expect(found).toMatchObject({ code, stage });
    expect(found.detail).toMatch(detail);
    expect(refusedByCore(party.certificate, party.caPem)).toBeDefined();
  });

  test("a good certificate, and with it the release it proves", () => {
    const party = createParty(identity);
    const found = judged(party.certificate, party.caPem);
    expect(found).toMatchObject({ code: "OK", release, certificate: { commonName: identity } });
    expect(refusedByCore(party.certificate, party.caPem)).toBeUndefined();
  });

  test("a signature of the document with one bit changed", () => {
    const party = createParty(identity, {
      attest: (publicKey) => {
        const document = bootEnclave(root, release).attest(publicKey);
        document[document.length - 1] = (document.at(-1) ?? 0) ^ 1;
        return document;
      },
    });
    expect(judged(party.certificate, party.caPem).detail).toMatch(/signature of the attestation document/);
    expect(refusedByCore(party.certificate, party.caPem)).toMatch(/signature/);
  });

  test("a leaf of another party's key, under the name of this one", () => {
    const [party, imposter] = [createParty(identity), createParty(identity)];
    expect(judged(imposter.certificate, party.caPem)).toMatchObject({
      code: "WRONG_CERTIFICATE",
      stage: "certificate",
    });
    expect(refusedByCore(imposter.certificate, party.caPem)).toMatch(/not signed/);
  });
});

describe("the CA certificate in the vault", () => {
  test("is missing", () => {
    expect(judged(createParty(identity).certificate, null).code).toBe("NO_CA_CERTIFICATE");
  });
  test("is not a certificate", () => {
    expect(judged(createParty(identity).certificate, "hello").code).toBe("NO_CA_CERTIFICATE");
  });
  test("is for the chart's own name, as it is without addressOverride", () => {
    const party = createParty("kms-core-2");
    const found = judged(party.certificate, party.caPem);
    expect(found.code).toBe("WRONG_CERTIFICATE");
    expect(found.detail).toMatch(/kms-core-2.*expected mpc-node-2/);
  });
  test("is the leaf itself: not a CA's", () => {
    const party = createParty(identity);
    expect(judged(party.certificate, certificatePem(party.certificate)).detail).toMatch(/not a CA's/);
  });
});

test("without a trusted release nothing is trusted", () => {
  const party = createParty(identity);
  expect(judged(party.certificate, party.caPem, identity, []).code).toBe("UNTRUSTED_RELEASE");
});

test("a certificate without an attestation document is not a core's", () => {
  const party = createParty(identity);
  const bare = createCertificate({
    subject: identity,
    issuer: identity,
    publicKey: parseCertificate(party.certificate).x509.publicKey,
    signer: party.signingKey,
    notBefore: new Date(Date.now() - hourMs),
    notAfter: new Date(Date.now() + hourMs),
    extensions: [subjectAltName(identity)],
  });
  expect(judged(bare, party.caPem)).toMatchObject({ code: "WRONG_CERTIFICATE", stage: "attestation" });
  expect(refusedByCore(bare, party.caPem)).toMatch(/not present/);
});

describe("bytes from the network", () => {
  const party = createParty(identity);
  const document = parseCertificate(party.certificate).extensions.get(attestationOid) ?? Buffer.alloc(0);

  test("a damaged leaf gives a path code and never anything else", () => {
    fc.assert(
      fc.property(
        fc.nat(party.certificate.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        (at, flip, cut) => {
          const damaged = Buffer.from(cut ? party.certificate.subarray(0, at) : party.certificate);
          if (!cut) damaged[at] = (damaged[at] ?? 0) ^ flip;
          const { code } = judged(damaged, party.caPem);
          expect(pathCodes).toContain(code);
          expect(code).not.toBe("OK");
        },
      ),
      { numRuns: propertyRuns(300) },
    );
  });

  test("a damaged document inside a signed leaf is never accepted, by neither of the two", () => {
    fc.assert(
      fc.property(fc.nat(document.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = createParty(identity, {
          attest: (publicKey) => {
            const bytes = bootEnclave(root, release).attest(publicKey);
            const index = at % bytes.length;
            bytes[index] = (bytes[index] ?? 0) ^ flip;
            return bytes;
          },
        });
        const { code } = judged(damaged.certificate, damaged.caPem);
        expect(pathCodes).toContain(code);
        // The unprotected header is the one part that nothing signs.
        if (code === "OK") expect(refusedByCore(damaged.certificate, damaged.caPem)).toBeUndefined();
        else expect(refusedByCore(damaged.certificate, damaged.caPem)).toBeDefined();
      }),
      { numRuns: propertyRuns(60) },
    );
  });

  test.each([
    ["DER", (bytes: Buffer) => readDer(bytes)],
    ["CBOR", readCbor],
    ["protobuf", readProto],
    ["certificates", parseCertificate],
    ["attestation documents", parseAttestation],
  ])("random bytes are no reason for the reader of %s to crash or hang", (_what, read) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          read(Buffer.from(bytes));
        } catch (error) {
          expect((error as Error).constructor.name).toMatch(/^(Malformed|LinkFault)$/);
        }
      }),
      { numRuns: propertyRuns(2000) },
    );
  });

  test("CBOR that claims more than it brings ends early, and deep nests are refused", () => {
    expect(() => readCbor(Buffer.from("9bffffffffffffffff", "hex"))).toThrow(/too large/);
    expect(() => readCbor(Buffer.from("5a7fffffff00", "hex"))).toThrow(/ends early/);
    expect(() => readCbor(Buffer.alloc(100, 0x81))).toThrow(/nested too deep/);
    expect(() => readCbor(Buffer.from("9a7fffffff", "hex"))).toThrow(/ends early/);
    const endless = new Map<string, unknown>([["a", 1]]).set("b", [2, 3]);
    expect(readCbor(Buffer.from("bf61610161629f0203ffff", "hex"))).toEqual(endless);
  });
});
