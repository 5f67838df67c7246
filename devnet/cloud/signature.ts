import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { AwsError } from "./aws-error.ts";

export interface SignedRequest {
  method: string;
  /** Path and query as they came over the wire. */
  target: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Whoever the keys belong to, with the secret to check a signature by. */
export interface KeyHolder<P> {
  secretAccessKey: string;
  principal: P;
}

export interface Verified<P> {
  principal: P;
  service: string;
  region: string;
  accessKeyId: string;
  signedAt: Date;
  signedHeaders: string[];
  presigned: boolean;
}

const algorithm = "AWS4-HMAC-SHA256";
/** How far a signer's clock may be off, and how long a header signature holds. */
const skewMs = 5 * 60_000;

/**
 * Checks a Signature Version 4, in the header or in a presigned URL. `undefined` for a request that carries none. `lifetimeMs` overrides
 * what the request says of its own lifetime.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
 */
export function verifySignature<P>(
  request: SignedRequest,
  holderOf: (accessKeyId: string, sessionToken: string | undefined) => KeyHolder<P>,
  now: Date,
  options: { lifetimeMs?: number } = {},
): Verified<P> | undefined {
  const [path = "/", rawQuery = ""] = splitOnce(request.target, "?");
  const query = parseQuery(rawQuery);
  const claim = readClaim(request.headers, query);
  if (!claim) return undefined;

  const [accessKeyId, date, region, service, terminator] = claim.credential.split("/");
  if (!accessKeyId || !date || !region || !service || terminator !== "aws4_request")
    throw new AwsError(
      "IncompleteSignature",
      `Credential is not of the form <key>/<date>/<region>/<service>/aws4_request`,
    );
  const signedAt = parseAmzDate(claim.date);
  if (!signedAt || !claim.date.startsWith(date))
    throw new AwsError("SignatureDoesNotMatch", "Date in Credential scope does not match the date of the request", 403);
  const lifetimeMs = options.lifetimeMs ?? (claim.expiresSeconds === undefined ? skewMs : claim.expiresSeconds * 1000);
  checkTime(signedAt, lifetimeMs, claim.presigned, now);
  if (!claim.signedHeaders.includes("host"))
    throw new AwsError("SignatureDoesNotMatch", "'Host' has to be a signed header", 403);

  const holder = holderOf(accessKeyId, claim.sessionToken);
  const scope = `${date}/${region}/${service}/aws4_request`;
  const canonical = [
    request.method,
    service === "s3" ? path : escapePathAgain(path),
    canonicalQuery(query.filter(([key]) => !(claim.presigned && key === "X-Amz-Signature"))),
    ...claim.signedHeaders.map((name) => `${name}:${canonicalHeader(request.headers[name])}`),
    "",
    claim.signedHeaders.join(";"),
    payloadHash(request, service, claim.presigned, query),
  ].join("\n");
  const toSign = [algorithm, claim.date, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const signingKey = [date, region, service, "aws4_request"].reduce<Buffer>(
    (key, part) => createHmac("sha256", key).update(part).digest(),
    Buffer.from(`AWS4${holder.secretAccessKey}`),
  );
  const expected = createHmac("sha256", signingKey).update(toSign).digest();
  const found = Buffer.from(claim.signature, "hex");
  if (found.length !== expected.length || !timingSafeEqual(found, expected))
    throw new AwsError(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.",
      403,
    );
  const { presigned, signedHeaders } = claim;
  return { principal: holder.principal, service, region, accessKeyId, signedAt, signedHeaders, presigned };
}

interface Claim {
  credential: string;
  signedHeaders: string[];
  signature: string;
  date: string;
  sessionToken: string | undefined;
  expiresSeconds: number | undefined;
  presigned: boolean;
}

function readClaim(headers: IncomingHttpHeaders, query: [string, string][]): Claim | undefined {
  const parameter = (name: string) => query.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  const { authorization } = headers;
  if (authorization?.startsWith(algorithm)) {
    const field = (name: string) => new RegExp(`[ ,]${name}=([^, ]+)`).exec(authorization)?.[1] ?? "";
    const token = headers["x-amz-security-token"];
    return {
      credential: field("Credential"),
      signedHeaders: field("SignedHeaders").split(";"),
      signature: field("Signature"),
      date: String(headers["x-amz-date"] ?? ""),
      sessionToken: typeof token === "string" ? token : undefined,
      expiresSeconds: undefined,
      presigned: false,
    };
  }
  if (authorization !== undefined)
    throw new AwsError("IncompleteSignature", `Authorization header is not ${algorithm}`, 400);
  if (parameter("X-Amz-Algorithm") === undefined) return undefined;
  if (parameter("X-Amz-Algorithm") !== algorithm)
    throw new AwsError("IncompleteSignature", `X-Amz-Algorithm has to be ${algorithm}`);
  const expires = Number(parameter("X-Amz-Expires") ?? "900");
  if (!Number.isInteger(expires) || expires < 0 || expires > 604_800)
    throw new AwsError("AuthorizationQueryParametersError", "X-Amz-Expires must be between 0 and 604800 seconds");
  return {
    credential: parameter("X-Amz-Credential") ?? "",
    signedHeaders: (parameter("X-Amz-SignedHeaders") ?? "").split(";"),
    signature: parameter("X-Amz-Signature") ?? "",
    date: parameter("X-Amz-Date") ?? "",
    sessionToken: parameter("X-Amz-Security-Token"),
    expiresSeconds: expires,
    presigned: true,
  };
}

function checkTime(signedAt: Date, lifetimeMs: number, presigned: boolean, now: Date): void {
  const age = now.getTime() - signedAt.getTime();
  if (age < -skewMs)
    throw new AwsError(
      "RequestTimeTooSkewed",
      "The difference between the request time and the current time is too large.",
      403,
    );
  if (age <= lifetimeMs) return;
  if (presigned) throw new AwsError("AccessDenied", "Request has expired", 403);
  const oldest = new Date(now.getTime() - lifetimeMs).toISOString();
  throw new AwsError(
    "RequestTimeTooSkewed",
    `Signature expired: ${signedAt.toISOString()} is now earlier than ${oldest}`,
    403,
  );
}

function payloadHash(request: SignedRequest, service: string, presigned: boolean, query: [string, string][]): string {
  const actual = createHash("sha256").update(request.body).digest("hex");
  if (presigned) {
    const named = query.find(([key]) => key.toLowerCase() === "x-amz-content-sha256")?.[1];
    return service === "s3" ? (named ?? "UNSIGNED-PAYLOAD") : actual;
  }
  const declared = request.headers["x-amz-content-sha256"];
  if (typeof declared !== "string") return actual;
  if (/^[0-9a-f]{64}$/.test(declared) && declared !== actual)
    throw new AwsError(
      "XAmzContentSHA256Mismatch",
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  return declared;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function parseQuery(raw: string): [string, string][] {
  const decode = (text: string) => {
    try {
      return decodeURIComponent(text.replaceAll("+", " "));
    } catch {
      throw new AwsError("InvalidURI", "Couldn't parse the specified URI.");
    }
  };
  return raw === "" ? [] : raw.split("&").map((part) => splitOnce(part, "=").map(decode) as [string, string]);
}

function canonicalQuery(query: [string, string][]): string {
  return query
    .map(([key, value]) => `${escapeRfc3986(key)}=${escapeRfc3986(value)}`)
    .sort((a, b) => (a < b ? -1 : 1))
    .join("&");
}

function canonicalHeader(value: string | string[] | undefined): string {
  return [value ?? ""].flat().join(",").trim().replace(/\s+/g, " ");
}

/** All services but S3 sign the path escaped once more. */
function escapePathAgain(path: string): string {
  return path.split("/").map(escapeRfc3986).join("/");
}

function escapeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function parseAmzDate(text: string): Date | undefined {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  const date = new Date(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
