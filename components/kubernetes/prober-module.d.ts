// Types of prober.mjs for tests and benches. Not `prober.d.mts`: the linter would then rewrite imports of `prober.mjs`.
declare module "*/prober.mjs" {
  import type { X509Certificate } from "node:crypto";
  import type { Resolver } from "node:dns";
  import type { Server } from "node:net";
  import type { z } from "zod";
  import type { HttpReply, HttpRequest } from "../../contract/core-http.ts";
  import type { CoreView, PathProbe, ProbeReply, ProbeRequest } from "../../contract/probe.ts";

  /** As JSON: the brands of the contract's types are put on by whoever parses. */
  type Request = z.input<typeof ProbeRequest>;

  export class UnreadableRequest extends Error {}

  export interface Gate {
    enter(): Promise<() => void>;
    quiet(): Promise<void>;
  }

  export function parseRequest(text: string): Request;
  export function createGate(slots?: number, leaseMs?: number): Gate;
  export function probe(request: Request, options?: { resolver?: Resolver; gate?: Gate }): Promise<ProbeReply>;
  export function parseHttpRequest(text: string): z.input<typeof HttpRequest>;
  export function readPages(
    request: z.input<typeof HttpRequest>,
    options?: { resolver?: Resolver },
  ): Promise<HttpReply>;
  export function judgeCertificate(
    leafDer: Buffer,
    peer: Pick<Request["peers"][number], "partyId" | "mpcIdentity" | "caCertificatePem">,
    request: Pick<Request, "trustedReleases" | "attestationRootSha256">,
    link: Pick<PathProbe, "certificate" | "release"> & { stage: string },
    now: Date,
  ): void;
  export function parseCertificate(der: Buffer): {
    x509: X509Certificate;
    commonName: string | undefined;
    notBefore: Date;
    notAfter: Date;
    extensions: Map<string, Buffer>;
  };
  export function parseAttestation(bytes: Buffer): {
    publicKey: Buffer;
    measurements: { pcr0: string; pcr1: string; pcr2: string };
  };
  export function readDer(
    bytes: Buffer,
    offset?: number,
    limit?: number,
  ): { tag: number; offset: number; start: number; end: number };
  export function readCbor(bytes: Buffer): unknown;
  export function readProto(bytes: Buffer): { field: number; value: number | Buffer }[];
  export function readHealthStatus(bytes: Buffer, latencyMs: number): CoreView;
  export function createAnsweringServer(partyId: number, onHeard?: (from: number, source: string) => void): Server;
}
