import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { beforeAll, expect, test } from "vitest";
import { type ManifestParty, NetworkManifest } from "../../contract/network-manifest.ts";
import { certificateSha256 } from "../../contract/party-card.ts";
import { signingKeyHandle } from "../../contract/signing-key-handle.ts";
import { copyCertificates } from "../../fleet/peer-certificates.ts";
import { rawManifest } from "../support/network.ts";

const raw = rawManifest();
for (const party of raw.parties) party.publicVault = { bucketName: `live-${party.id}-public` };
const [, second, third, fourth] = NetworkManifest.parse(raw).parties as [
  unknown,
  ManifestParty,
  ManifestParty,
  ManifestParty,
];
const urlOf = (id: number) =>
  `https://live-${id}-public.s3.eu-west-1.amazonaws.com/PUB-p${id}/CACert/${signingKeyHandle}`;

/** A CA certificate as a core makes it. */
async function certificate(host: string, { san = host, isCa = true } = {}): Promise<string> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
  const extensions = [
    new x509.BasicConstraintsExtension(isCa),
    ...(san === "" ? [] : [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: san }])]),
  ];
  const options = { name: `CN=${host}`, keys, signingAlgorithm: algorithm, extensions };
  const made = await x509.X509CertificateGenerator.createSelfSigned(options, crypto as never);
  return `${made.toString("pem").trim()}\n`;
}

let good: string;
let other: string;
beforeAll(async () => {
  [good, other] = await Promise.all([certificate("mpc-node-2"), certificate("mpc-node-2")]);
});

async function copy(
  peers: ManifestParty[],
  published: Record<string, string>,
  own: Record<number, string> = {},
  replace = false,
) {
  const vault = new Map(Object.entries(own).map(([id, pem]) => [Number(id), pem]));
  const reports = await copyCertificates({
    peers,
    vault: {
      read: async (id) => vault.get(id),
      write: async (id, pem) => {
        vault.set(id, pem);
      },
    },
    fetchText: async (url) => published[url],
    replace,
  });
  return { reports, vault };
}

test("a live peer's certificate comes out of the vault that the manifest names, and the next time nothing is written", async () => {
  const first = await copy([second], { [urlOf(2)]: good.replaceAll("\n", "\r\n") });
  expect(first.reports).toEqual([
    { partyId: 2, status: "copied", sha256: certificateSha256(good), problem: undefined },
  ]);
  expect(first.vault.get(2)).toBe(good);
  const { reports } = await copy([second], { [urlOf(2)]: good }, { 2: good });
  expect(reports).toMatchObject([{ status: "unchanged", problem: undefined }]);
});

test("another certificate than the one of before takes its place only when that was asked for", async () => {
  const refused = await copy([second], { [urlOf(2)]: other }, { 2: good });
  expect(refused.reports).toMatchObject([
    {
      status: "unchanged",
      sha256: certificateSha256(good),
      problem: {
        code: "CERTIFICATE_CHANGED",
        exitCode: 3,
        expected: expect.stringContaining(String(certificateSha256(good))),
      },
    },
  ]);
  expect(refused.vault.get(2)).toBe(good);
  const replaced = await copy([second], { [urlOf(2)]: other }, { 2: good }, true);
  expect(replaced.reports).toMatchObject([{ status: "replaced", problem: undefined }]);
  expect(replaced.vault.get(2)).toBe(other);
});

test.each([
  ["another host's", () => certificate("mpc-node-9"), "CN=mpc-node-9"],
  ["one whose SAN is another", () => certificate("mpc-node-2", { san: "mpc-node-9" }), "DNS:mpc-node-9"],
  ["one without SAN", () => certificate("mpc-node-2", { san: "" }), "subjectAltName none"],
  ["one that is no CA's", () => certificate("mpc-node-2", { isCa: false }), "another key signed"],
  ["two of them", async () => `${good}${other}`, "not one certificate"],
  ["something else", async () => "<html>", "not one certificate"],
])("%s is refused", async (_what, published, found) => {
  const { reports, vault } = await copy([second], { [urlOf(2)]: await published() });
  expect(reports).toMatchObject([
    { status: "none", problem: { code: "CERTIFICATE_UNFIT", found: expect.stringContaining(found) } },
  ]);
  expect(vault.size).toBe(0);
});

test("one peer's trouble is nobody else's", async () => {
  const { publicVault: _, ...unnamed } = fourth;
  const { reports } = await copy([second, third, unnamed], { [urlOf(2)]: good });
  expect(reports.map(({ partyId, status, problem }) => [partyId, status, problem?.code, problem?.found])).toEqual([
    [2, "copied", undefined, undefined],
    [3, "none", "CERTIFICATE_MISSING", `nothing at ${urlOf(3)}`],
    [4, "none", "CERTIFICATE_MISSING", "no parties[].publicVault in the manifest"],
  ]);
});
