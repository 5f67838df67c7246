import { describe, expect, test } from "vitest";
import { scanLogs } from "../../../runbooks/zama-kms/scan-logs.ts";

const scan = (text: string) =>
  scanLogs([
    {
      container: "kms-core",
      role: "main",
      previous: false,
      log: { status: "seen", value: { text, lines: text.split("\n").length, truncated: false } },
    },
  ]);

/** What others may bring a core to say: an error of theirs, as long as they like. */
const longest = 2 ** 18;
const filled = (part: string) => part.repeat(Math.ceil(longest / part.length));

describe("a long line costs no more than many short ones", () => {
  test.each([
    ["one word", "x"],
    ["beginnings of a signature that has no end", "failed to read PRSS "],
    ["a tool's name", "nitro-cli "],
    ["a ConfigMap", "couldn't find key "],
    ["what ends another line", "PRSS on epoch ID "],
    ["digits that name nobody", "1"],
  ])("%s", (_what, part) => {
    const started = performance.now();
    expect(scan(`${filled(part)}\n${filled(`${part} is not a trust ancho`)}`).lines).toEqual([]);
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  test("and what it says at its beginning is read", () => {
    const said = scan(`2026-11-21T10:00:00Z mpc-node-3 is not a trust anchor ${filled("x")}`).lines;
    expect(said).toMatchObject([{ signature: "no-trust-anchor", peer: 3 }]);
  });
});

describe("of a long line", () => {
  const arn = "arn:aws:sts::100000000003:assumed-role/mpc-kms-party-3/aws-sdk-rust-1763713020";
  const refused = `User: ${arn} is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::kms-party-3-private/PRIV-p3/SigningKey/60b7070add74be3827160aa635fb255eeeeb88586c4debf7ab1134ddceb4beee" with an explicit deny in a resource-based policy`;

  test("the words are whole, and a sign tells that there was more", () => {
    const [said] = scan(`2026-11-21T10:00:00Z ERROR ${refused}, request id ${filled("word ")}`).lines;
    expect(said?.text).toContain(arn);
    expect(said?.text).toMatch(/ \S+beee" .* …$/);
  });

  test("that which is known is shown, wherever in the line it stands", () => {
    for (const lead of ["some words ".repeat(60), "x".repeat(700)]) {
      const [said] = scan(`2026-11-21T10:00:00Z ERROR ${lead} Could not decrypt data key: service error`).lines;
      expect(said?.text).toMatch(/^… .*Could not decrypt data key: service error$/);
      expect(said?.text.length).toBeLessThan(300);
    }
  });
});
