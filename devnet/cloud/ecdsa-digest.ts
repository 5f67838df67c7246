import { randomBytes } from "node:crypto";

/**
 * ECDSA over a digest that somebody else has made (KMS `MessageType: DIGEST`, which Ethereum's Keccak signatures need). node:crypto always
 * hashes itself. Not constant time: for the simulated cloud's throw-away keys only.
 */
interface Curve {
  p: bigint;
  a: bigint;
  n: bigint;
  gx: bigint;
  gy: bigint;
}

export type CurveName = "P-256" | "P-384" | "secp256k1";

// SEC 2 v2, sections 2.4.1, 2.4.2 and 2.5.1.
const curves: Record<CurveName, Curve> = {
  "P-256": {
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    a: -3n,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    gx: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
    gy: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
  },
  "P-384": {
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    a: -3n,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    gx: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
    gy: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
  },
  secp256k1: {
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2fn,
    a: 0n,
    n: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
    gx: 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n,
    gy: 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n,
  },
};

type Point = readonly [bigint, bigint] | undefined;

export function signDigest(name: CurveName, digest: Uint8Array, privateScalar: bigint): { r: bigint; s: bigint } {
  const curve = curves[name];
  const { n, gx, gy } = curve;
  const z = leftmost(digest, n);
  for (;;) {
    const k = toBigInt(randomBytes(byteLength(n) + 8)) % n;
    const r = (multiply(curve, k, [gx, gy])?.[0] ?? 0n) % n;
    const s = modulo(inverse(k, n) * (z + r * privateScalar), n);
    if (k !== 0n && r !== 0n && s !== 0n) return { r, s };
  }
}

export function verifyDigest(
  name: CurveName,
  digest: Uint8Array,
  signature: { r: bigint; s: bigint },
  publicPoint: readonly [bigint, bigint],
): boolean {
  const curve = curves[name];
  const { n, gx, gy } = curve;
  const { r, s } = signature;
  if (r <= 0n || r >= n || s <= 0n || s >= n) return false;
  const w = inverse(s, n);
  const left = multiply(curve, modulo(leftmost(digest, n) * w, n), [gx, gy]);
  const right = multiply(curve, modulo(r * w, n), publicPoint);
  const sum = add(curve, left, right);
  return sum !== undefined && modulo(sum[0], n) === r;
}

export function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex") || "0"}`);
}

function leftmost(digest: Uint8Array, n: bigint): bigint {
  return toBigInt(digest.subarray(0, byteLength(n)));
}

function byteLength(n: bigint): number {
  return Math.ceil(n.toString(16).length / 2);
}

function multiply(curve: Curve, scalar: bigint, point: Point): Point {
  let result: Point;
  let addend = point;
  for (let left = scalar; left > 0n; left >>= 1n) {
    if (left & 1n) result = add(curve, result, addend);
    addend = add(curve, addend, addend);
  }
  return result;
}

function add({ p, a }: Curve, left: Point, right: Point): Point {
  if (!left) return right;
  if (!right) return left;
  const [x1, y1] = left;
  const [x2, y2] = right;
  if (x1 === x2 && modulo(y1 + y2, p) === 0n) return undefined;
  const slope = x1 === x2 ? (3n * x1 * x1 + a) * inverse(2n * y1, p) : (y2 - y1) * inverse(x2 - x1, p);
  const x = modulo(slope * slope - x1 - x2, p);
  return [x, modulo(slope * (x1 - x) - y1, p)];
}

function inverse(value: bigint, m: bigint): bigint {
  let [old, rest] = [modulo(value, m), m];
  let [x, y] = [1n, 0n];
  while (rest !== 0n) {
    const quotient = old / rest;
    [old, rest] = [rest, old - quotient * rest];
    [x, y] = [y, x - quotient * y];
  }
  return modulo(x, m);
}

function modulo(value: bigint, m: bigint): bigint {
  const rest = value % m;
  return rest < 0n ? rest + m : rest;
}
