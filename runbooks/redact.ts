/** Shapes that are secret wherever they turn up: EKS tokens, presigned URLs' signatures, bearer tokens, private keys. */
const secretShapes: readonly [RegExp, string][] = [
  [/k8s-aws-v1\.[\w-]+/g, "k8s-aws-v1.[redacted]"],
  [/(X-Amz-(?:Signature|Security-Token)=)[\w%+/=-]+/gi, "$1[redacted]"],
  [/(\bBearer )[\w.~+/=-]{8,}/gi, "$1[redacted]"],
  [/-----BEGIN ([A-Z ]*)PRIVATE KEY-----[\s\S]*?-----END \1PRIVATE KEY-----/g, "[redacted private key]"],
];

/** Shorter values would turn half of every text into stars. */
const shortestSecret = 6;

export type Redact = <T>(value: T) => T;

/** A function that takes given values, and shapes that are always secret, out of any text or JSON value. */
export function redactor(secrets: readonly string[]): Redact {
  const known = [...new Set(secrets.filter((secret) => secret.length >= shortestSecret).flatMap(spellings))].sort(
    (a, b) => b.length - a.length,
  );
  const text = (value: string): string => {
    let clean = value;
    for (const secret of known) clean = clean.replaceAll(secret, "[redacted]");
    for (const [shape, replacement] of secretShapes) clean = clean.replace(shape, replacement);
    return clean;
  };
  const deep = (value: unknown): unknown => {
    if (typeof value === "string") return text(value);
    if (Array.isArray(value)) return value.map(deep);
    if (value !== null && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, field]) => [text(key), deep(field)]));
    return value;
  };
  return <T>(value: T) => deep(value) as T;
}

/** A secret comes along as it is, inside JSON, in a URL and as base64, which Kubernetes prints. */
function spellings(secret: string): string[] {
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    Buffer.from(secret).toString("base64"),
    Buffer.from(secret).toString("base64url"),
  ];
}
