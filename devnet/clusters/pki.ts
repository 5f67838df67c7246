// The X.509 library resolves its algorithms through decorators' metadata, so this import has to come first.
import "reflect-metadata";
import { createPrivateKey, createPublicKey, X509Certificate as NodeCertificate, webcrypto } from "node:crypto";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { addressesOf } from "../addresses.ts";
import { readIfThere, writeReplaceable, writeWhole } from "../files.ts";

x509.cryptoProvider.set(webcrypto);

const p256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const p384 = { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" } as const;
const authorityDays = 3650;
const leafDays = 365;
/** A devnet that is started within this many days of a certificate's end gets a new one. */
const renewBeforeDays = 30;
const dayMs = 86_400_000;

/** Paths of a certificate and its private key, both PEM. */
export interface Pair {
  cert: string;
  key: string;
}

/** Certificates of one party's control plane. Each party has its own authority: an admin of one is nobody at another. */
export interface PartyPki {
  ca: Pair;
  apiServer: Pair;
  kubelet: Pair;
  kubeletClient: Pair;
  etcdClient: Pair;
  controllerManager: Pair;
  scheduler: Pair;
  admin: Pair;
  /** Signs service account tokens. */
  serviceAccountKey: string;
}

export interface EtcdPki {
  ca: Pair;
  server: Pair;
}

interface LeafRequest {
  commonName: string;
  organization?: string;
  dnsNames?: string[];
  addresses?: string[];
}

/** Certificates of etcd, made or reused. */
export async function settleEtcdPki(folder: string, k: number): Promise<EtcdPki> {
  const ca = pairIn(folder, "etcd-ca");
  await settleAuthority(ca, "quorate-devnet-etcd");
  const server = pairIn(folder, "etcd-server");
  await settleLeaf(server, ca, { commonName: "etcd", dnsNames: ["localhost"], addresses: [addressesOf(k).etcd] });
  return { ca, server };
}

/** Certificates of one party's control plane, made or reused; renewed when close to their end or made for another k. */
export async function settlePartyPki(folder: string, k: number, party: number, etcd: EtcdPki): Promise<PartyPki> {
  const pki: PartyPki = {
    ca: pairIn(folder, "ca"),
    apiServer: pairIn(folder, "apiserver"),
    kubelet: pairIn(folder, "kubelet"),
    kubeletClient: pairIn(folder, "kubelet-client"),
    etcdClient: pairIn(folder, "etcd-client"),
    controllerManager: pairIn(folder, "controller-manager"),
    scheduler: pairIn(folder, "scheduler"),
    admin: pairIn(folder, "admin"),
    serviceAccountKey: join(folder, "service-account.key"),
  };
  await settleAuthority(pki.ca, `quorate-devnet-party-${party}`);
  const own = addressesOf(k).core(party);
  await Promise.all([
    settleLeaf(pki.apiServer, pki.ca, {
      commonName: "kube-apiserver",
      dnsNames: ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"],
      addresses: [own, "10.96.0.1"],
    }),
    settleLeaf(pki.kubelet, pki.ca, { commonName: "kubelet", addresses: [own] }),
    settleLeaf(pki.kubeletClient, pki.ca, { commonName: "kube-apiserver-kubelet-client" }),
    settleLeaf(pki.etcdClient, etcd.ca, { commonName: `party-${party}` }),
    // As master it needs no service account, and no token, per controller: that would be 20 more objects at each start.
    settleLeaf(pki.controllerManager, pki.ca, {
      commonName: "system:kube-controller-manager",
      organization: "system:masters",
    }),
    settleLeaf(pki.scheduler, pki.ca, { commonName: "system:kube-scheduler" }),
    settleLeaf(pki.admin, pki.ca, { commonName: "quorate-devnet-admin", organization: "system:masters" }),
    settleKey(pki.serviceAccountKey),
  ]);
  return pki;
}

/** Root of the devnet's attestation documents (ES384), made once: the manifest names its SHA-256. */
export async function settleAttestationRoot(folder: string): Promise<{ root: Pair; sha256: string }> {
  const root = pairIn(folder, "attestation-root");
  await settleAuthority(root, "quorate.devnet.nitro-enclaves", p384);
  const certificate = new NodeCertificate(readIfThere(root.cert) ?? "");
  return { root, sha256: certificate.fingerprint256.replaceAll(":", "").toLowerCase() };
}

function pairIn(folder: string, name: string): Pair {
  return { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
}

async function settleAuthority(pair: Pair, commonName: string, algorithm: typeof p256 | typeof p384 = p256) {
  if (readPair(pair) !== null) return;
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    keys,
    signingAlgorithm: algorithm,
    ...validity(authorityDays),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await writePair(pair, certificate, keys.privateKey, writeWhole);
}

async function settleLeaf(pair: Pair, authority: Pair, request: LeafRequest) {
  const issuer = readPair(authority);
  if (issuer === null) throw new Error(`no authority at ${authority.cert}`);
  const present = readPair(pair);
  if (present?.verify(issuer.publicKey) && answersTo(present, request)) return;
  const authorityKey = await webcrypto.subtle.importKey(
    "pkcs8",
    createPrivateKey(readIfThere(authority.key) ?? "").export({ format: "der", type: "pkcs8" }),
    p256,
    false,
    ["sign"],
  );
  const keys = await webcrypto.subtle.generateKey(p256, true, ["sign", "verify"]);
  const names: { type: "dns" | "ip"; value: string }[] = [
    ...(request.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(request.addresses ?? []).map((value) => ({ type: "ip" as const, value })),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${request.commonName}${request.organization ? `, O=${request.organization}` : ""}`,
    issuer: new x509.X509Certificate(issuer.raw).subject,
    publicKey: keys.publicKey,
    signingKey: authorityKey,
    signingAlgorithm: p256,
    ...validity(leafDays),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  await writePair(pair, certificate, keys.privateKey, writeReplaceable);
}

async function settleKey(path: string) {
  if (readIfThere(path) !== null) return;
  const keys = await webcrypto.subtle.generateKey(p256, true, ["sign", "verify"]);
  // The API server derives the public half from this file, which it does for SEC 1 and not for PKCS #8.
  writeWhole(path, await privateKeyPem(keys.privateKey, "sec1"));
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  // A little in the past, for clocks that a suspended machine set back.
  return { notBefore: new Date(now - 3_600_000), notAfter: new Date(now + days * dayMs) };
}

/** The certificate of a pair that is whole and not close to its end, else null. */
function readPair(pair: Pair): NodeCertificate | null {
  const cert = readIfThere(pair.cert);
  const key = readIfThere(pair.key);
  // Empty is what a crash of the machine leaves of a file that was not yet on the disk.
  if (!cert || !key) return null;
  const certificate = new NodeCertificate(cert);
  if (certificate.validToDate.getTime() < Date.now() + renewBeforeDays * dayMs) return null;
  // A process that was killed between the two writes leaves a key that is not the certificate's.
  return createPublicKey(key).equals(certificate.publicKey) ? certificate : null;
}

function answersTo(certificate: NodeCertificate, request: LeafRequest): boolean {
  return (request.addresses ?? []).every((address) => certificate.checkIP(address) !== undefined);
}

async function writePair(
  pair: Pair,
  certificate: x509.X509Certificate,
  key: webcrypto.CryptoKey,
  write: (path: string, text: string) => void,
) {
  write(pair.key, await privateKeyPem(key));
  write(pair.cert, `${certificate.toString("pem")}\n`);
}

async function privateKeyPem(key: webcrypto.CryptoKey, type: "pkcs8" | "sec1" = "pkcs8"): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "pem", type }).toString();
}
