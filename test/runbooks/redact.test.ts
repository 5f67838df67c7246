import { describe, expect, test } from "vitest";
import { namesSecret, redactor } from "../../runbooks/redact.ts";

const hex = "4f3c9a17".repeat(8);
const base64 = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg".repeat(2);
const pem = (kind = "") => `-----BEGIN ${kind}PRIVATE KEY-----\n${base64}\n${base64}\n-----END ${kind}PRIVATE KEY-----`;
const strict = redactor(["correct-horse-battery"], { named: true });

describe("what is secret by its shape goes from everywhere", () => {
  test.each([
    ["an EKS token", "k8s-aws-v1.aHR0cHM6Ly9zdHM", "aHR0cHM6Ly9zdHM"],
    ["an AWS key id", "found AKIAIOSFODNN7EXAMPLE there", "AKIAIOSFODNN7EXAMPLE"],
    ["a signed token", "sub eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl end", "eyJzdWIiOiJhIn0"],
    ["a code host's token", "cloned with ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_abcdefghijklmnop"],
    ["a registry's token", "npm_abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnopqrstuvwxyz"],
    ["a password in a URL", "postgres://zws:s3cr3t-word@db:5432/kms", "s3cr3t-word"],
    ["an age key", "AGE-SECRET-KEY-1QQPQ8ZTKS8Q9QEXAMPLEXAMPLEXAMPLE", "QQPQ8ZTKS8Q9QEXAMPLEXAMPLEXAMPLE"],
    ["a private key", `before ${pem("EC ")} after`, base64],
    ["a private key in JSON", JSON.stringify({ key: pem() }), base64],
    ["a private key without its end", `before\n${pem().split("\n").slice(0, 2).join("\n")}`, base64],
    ["a private key without its beginning", `${pem().split("\n").slice(1).join("\n")}\nafter`, base64],
  ])("%s", (_what, text, secret) => {
    const clean = redactor([])(text);
    expect(clean).toContain("[redacted");
    expect(clean).not.toContain(secret);
  });

  test("what stands around a part of a key stays", () => {
    const text = `one line\n2026 ${base64}\n${base64}\n-----END PRIVATE KEY-----\nafter`;
    expect(redactor([])(text)).toBe("one line\n[redacted private key]\nafter");
  });
});

test("beginnings of keys without their ends cost no more than other text", () => {
  const started = performance.now();
  expect(strict("-----BEGIN PRIVATE KEY-----\n".repeat(70_000))).not.toContain("BEGIN");
  const long = `${"a".repeat(2 ** 20)}!`;
  expect(redactor([])(`-----BEGIN PRIVATE KEY-----\n${long}\n-----END PRIVATE KEY-----!`)).not.toContain("KEY-----");
  expect(redactor([])(`-----BEGIN PRIVATE KEY-----\n${long}\n${" ".repeat(2 ** 20)}!`)).toContain("aaa!");
  expect(performance.now() - started).toBeLessThan(5_000);
});

test("a key within what is left of another goes as well", () => {
  expect(strict(`-----BEGIN PRIVATE KEY-----\n${base64}\n${pem("EC ")}\nafter`)).not.toContain(base64);
});

test("a beginning of a key that somebody writes hides nothing of what comes after", () => {
  const text = `before\n2026 peer says -----BEGIN PRIVATE KEY-----\n2026 ${base64}\nQg==\n2026 ERROR it is not a trust anchor\nlast`;
  expect(redactor([])(text)).toBe(
    "before\n2026 peer says [redacted private key]\n2026 ERROR it is not a trust anchor\nlast",
  );
});

describe("secret by the word before it, where that is asked for", () => {
  test.each([
    ["password=hunter2", "hunter2"],
    ['{"password":"hun\\"ter2"}', "ter2"],
    ['{"msg":"{\\"db_password\\":\\"hunter2\\"}"}', "hunter2"],
    ['SETTINGS { password: Some("hunter2") }', "hunter2"],
    ["aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"],
    [`private key: 0x${hex}`, hex],
    [`wallet private_key="${hex}"`, hex],
    [`loaded key 0x${hex}`, hex],
    ["authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"],
    ["mnemonic: legal winner thank year wave sausage worth useful legal winner thank yellow", "sausage"],
    ["wss://chain.example/v3/9aa3d95b3bc440fa88ea12eaa4456161", "9aa3d95b3bc440fa88ea12eaa4456161"],
    ["https://rpc.example/?apikey=abc123", "abc123"],
    ["the phrase is correct-horse-battery", "correct-horse-battery"],
  ])("%s", (text, secret) => {
    expect(strict(text)).toContain("[redacted]");
    expect(strict(text)).not.toContain(secret);
  });

  test.each([
    `fhe key id: ${hex}`,
    `"key_id": "${hex}"`,
    `public key 0x${hex}`,
    `xof_key_digest=${hex}`,
    `https://vault.s3.eu-west-1.amazonaws.com/PUB-p1/CACert/${hex}`,
    "web identity token: expired",
    "kms key arn:aws:kms:eu-west-1:100000000001:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "Could not renew ephemeral TLS certificate",
  ])("stays: %s", (text) => {
    expect(strict(text)).toBe(text);
  });

  test("JSON stays JSON", () => {
    expect(JSON.parse(strict('{"password":"hunter2","other":1}'))).toEqual({ password: "[redacted]", other: 1 });
  });

  test("fields and environment variables by their names", () => {
    const found = strict({
      db: { password: "x", passwordSecretArn: "arn:aws:1", tokenPath: "/var/run/token" },
      env: [
        { name: "DATABASE_PASSWORD", value: "x" },
        { name: "RUST_LOG", value: "info" },
        { name: "TOKEN", valueFrom: { secretKeyRef: { name: "rpc", key: "token" } } },
      ],
    });
    expect(found).toEqual({
      db: { password: "[redacted]", passwordSecretArn: "arn:aws:1", tokenPath: "/var/run/token" },
      env: [
        { name: "DATABASE_PASSWORD", value: "[redacted]" },
        { name: "RUST_LOG", value: "info" },
        { name: "TOKEN", valueFrom: { secretKeyRef: { name: "rpc", key: "token" } } },
      ],
    });
  });

  test.each([
    ["AWS_SECRET_ACCESS_KEY", true],
    ["txSenderPrivateKey", true],
    ["PULUMI_CONFIG_PASSPHRASE", true],
    ["secretName", false],
    ["AWS_WEB_IDENTITY_TOKEN_FILE", false],
    ["root_key_id", false],
    ["private_vault", false],
  ])("%s names a secret: %s", (name, is) => {
    expect(namesSecret(name)).toBe(is);
  });

  test("two megabytes take no time to speak of", () => {
    const started = performance.now();
    strict(
      `${"2026-11-20T12:00:00Z INFO kms key_id: 07 peers 3 of 3 reachable, session 0x00 done in 5 ms\n".repeat(21_000)}`,
    );
    expect(performance.now() - started).toBeLessThan(5_000);
    // Nor does a text that is made of beginnings.
    const dense = performance.now();
    for (const word of ["a", "key ", "token:", "password:", 'password="', "private secret ", "https://"])
      strict(word.repeat(2 ** 19 / word.length));
    expect(performance.now() - dense).toBeLessThan(20_000);
  });
});
