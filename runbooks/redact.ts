/** Shapes that are secret wherever they turn up: tokens, keys that say what they are, passwords in URLs. */
const secretShapes: readonly [RegExp, string][] = [
  [/k8s-aws-v1\.[\w-]+/g, "k8s-aws-v1.[redacted]"],
  [/(X-Amz-(?:Signature|Security-Token)=)[\w%+/=-]+/gi, "$1[redacted]"],
  [/(\bBearer )[\w.~+/=-]{8,}/gi, "$1[redacted]"],
  [
    /-----BEGIN ([A-Z ]*)PRIVATE KEY( BLOCK)?-----(?:(?!-----BEGIN )[\s\S]){0,20000}?-----END \1PRIVATE KEY\2-----/g,
    "[redacted private key]",
  ],
  [/AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{16,}/gi, "[redacted age key]"],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, "[redacted token]"],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, "[redacted AWS key id]"],
  // Of code hosts, chats and registries: they say by their first letters what they are.
  [/\b(?:gh[opsur]_|github_pat_|glpat-|xox[abeoprs]-|npm_|dckr_pat_)[\w-]{20,}/g, "[redacted token]"],
  [/(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/@:"']{0,200}:)[^\s/"']{1,500}@/gi, "$1[redacted]@"],
];

/** Between a name and its value, as in `name=value`, `name: value`, `name: Some(value)` and JSON, be it JSON within JSON. */
const sign = String.raw`\\{0,8}["']?\s{0,8}(?:[:=]|=>)\s{0,8}(?:\w{1,20}\()?`;
/** In quotes of either kind, which may themselves be escaped; else up to the next blank. */
const quoted = String.raw`\\{1,8}"(?:(?!\\+").){0,4000}\\{1,8}"|"(?:[^"\\]|\\.){0,4000}"|'[^']{0,4000}'`;
const bare = String.raw`\\{0,8}["']?(?:[^\s"\\]|\\(?!")){3,4000}`;
/** A word of a sentence is none of these. */
const random = String.raw`\\{0,8}["']?(?=[^\s"']{0,200}\d)[^\s"'\\]{8,4000}`;
const hexKey = "(?:0x)?[0-9a-f]{64}(?![0-9a-f])";
const secretWords =
  "pass(?:word|wd|phrase)|pwd|client[-_ ]?secret|secret[-_ ]?(?:access[-_ ]?)?key|api[-_ ]?key|(?:auth|access|session|refresh|id)[-_ ]?token|private[-_ ]?key";

/** Secret by the word that stands before it: for logs and settings, which are free with words. */
const namedShapes: readonly RegExp[] = [
  new RegExp(`((?:${secretWords})${sign})(?:${quoted}|${bare})`, "gi"),
  new RegExp(`(\\b(?:authorization|cookie|secret|token)${sign})(?:(?:Basic|Bearer) \\S+|${random})`, "gi"),
  // Ids, digests, handles and public keys are 64 digits too, and are what whoever reads the text looks for.
  new RegExp(
    `((?:private|priv|secret|wallet|signer|mnemonic)[\\w ()-]{0,40}?(?:${sign}|\\s)\\\\{0,8}["']?)${hexKey}`,
    "gi",
  ),
  new RegExp(`((?<!pub|public[-_ ]?)key(?:${sign}|\\s+(?:is\\s+)?)\\\\{0,8}["']?)${hexKey}`, "gi"),
  /((?:mnemonic|(?:seed|recovery|backup)[-_ ]?phrase)\W{1,8})(?:[a-z]{3,8}[ ,]+){11,23}[a-z]{3,8}/gi,
  /([?&](?:key|token|secret|sig|signature|auth)=)[^&\s"'\\]+/gi,
  // Where the way to a node of a chain has its key. Handles of signing keys have 64 digits.
  /(\b(?:https?|wss?):\/\/[^\s"'\\]{0,200}?\/v\d+\/)[\w-]{16,}/gi,
  /(\b(?:https?|wss?):\/\/[^\s"'\\]{0,200}?\/)(?![0-9a-f]{64}\b)(?=[A-Za-z]{0,200}\d)[A-Za-z0-9]{24,}/gi,
];

/** Shorter values would turn half of every text into stars. */
const shortestSecret = 6;

/** A report of a hundred parties says a few thousand short texts, names of fields among them, a hundred thousand times. */
const longestRemembered = 200;
const mostRemembered = 20_000;

export type Redact = <T>(value: T) => T;

export interface RedactOptions {
  /** Also what follows a word such as `password`, or is a field of such a name. Wrong now and then, on the safe side. @default false */
  named?: boolean;
}

/** A function that takes given values, and shapes that are always secret, out of any text or JSON value. */
export function redactor(secrets: readonly string[], { named = false }: RedactOptions = {}): Redact {
  const known = [...new Set(secrets.filter((secret) => secret.length >= shortestSecret).flatMap(spellings))].sort(
    (a, b) => b.length - a.length,
  );
  const short = new Map<string, string>();
  const text = (value: string): string => {
    if (value.length > longestRemembered) return cleaned(value);
    const before = short.get(value);
    if (before !== undefined) return before;
    if (short.size >= mostRemembered) short.clear();
    const clean = cleaned(value);
    short.set(value, clean);
    return clean;
  };
  const cleaned = (value: string): string => {
    let clean = value;
    for (const secret of known) clean = clean.replaceAll(secret, "[redacted]");
    for (const [shape, replacement] of secretShapes) clean = clean.replace(shape, replacement);
    if (named) for (const shape of namedShapes) clean = clean.replace(shape, withoutValue);
    return withoutPartsOfKeys(clean);
  };
  const deep = (value: unknown): unknown => {
    if (typeof value === "string") return text(value);
    if (Array.isArray(value)) return value.map(deep);
    if (value === null || typeof value !== "object") return value;
    // An environment variable of a container.
    const isSecret = "name" in value && "value" in value && typeof value.name === "string" && namesSecret(value.name);
    return Object.fromEntries(
      Object.entries(value).map(([key, field]) => [
        text(key),
        named && isSecret && key === "value" ? under("secret", field) : under(key, field),
      ]),
    );
  };
  const under = (key: string, field: unknown): unknown => {
    const isSecret = named && typeof field === "string" && field !== "" && namesSecret(key);
    return isSecret ? "[redacted]" : deep(field);
  };
  return <T>(value: T) => deep(value) as T;
}

/** The name, and the quotes of the value, so that JSON stays JSON. */
function withoutValue(whole: string, name: string): string {
  const [quotes = ""] = /^\\*["']/.exec(whole.slice(name.length)) ?? [];
  return `${name}${quotes}[redacted]${quotes && whole.endsWith(quotes) ? quotes : ""}`;
}

/** Whether what has this name is secret, and not where a secret lies, or how long one lasts. */
export function namesSecret(name: string): boolean {
  const words = name.replaceAll(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
  return (
    /pass(?:word|wd|phrase)|pwd|secret|token|mnemonic|credential|(?:private|api|access|encryption)[-_.]?key|database_url|dsn/.test(
      words,
    ) &&
    !/(?:^|[-_.])(?:names?|paths?|files?|ids?|arns?|ports?|ttl|timeout|secs|seconds|expiration|spec|type|kind|size)$/.test(
      words,
    )
  );
}

const begin = /-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----/;
const end = /-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----/;
const ends = new RegExp(end, "g");

/** Ends as a line of a key's Base64 does; what a log puts in front of it may stand there. Of a long line the end tells it. */
const isKeyLine = (line: string) => /[A-Za-z0-9+/]{16}={0,2}["',\\]{0,4}\s{0,4}$/.test(line.slice(-100));
/** The last one may be short, and some keys have lines before the first. */
const isShortKeyLine = (line: string) =>
  line.length <= 100 &&
  /^\s*(?:["']?[A-Za-z0-9+/]*={0,2}["',\\]*|(?:Proc-Type|DEK-Info|Version|Comment): .*)$/.test(line.trimEnd());

/**
 * A text that was cut can begin or end within a key: without its last line, or its first, it is a key all the same. Only lines that look like a
 * key's go: others' words get into logs, and a marker among them is not to hide what is said later.
 */
function withoutPartsOfKeys(text: string): string {
  if (!begin.test(text) && !end.test(text)) return text;
  const kept: string[] = [];
  let within = false;
  for (const line of text.split("\n")) {
    const opened = begin.exec(line);
    const closed = opened === null ? [...line.matchAll(ends)].at(-1) : undefined;
    if (closed !== undefined) {
      while (isKeyLine(kept.at(-1) ?? "")) kept.pop();
      kept.push(`[redacted private key]${line.slice(closed.index + closed[0].length)}`);
    } else if (opened !== null) kept.push(`${line.slice(0, opened.index)}[redacted private key]`);
    else if (!within || !(isKeyLine(line) || isShortKeyLine(line))) kept.push(line);
    else continue;
    within = opened !== null;
  }
  return kept.join("\n");
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
