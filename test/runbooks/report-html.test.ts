import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { renderValidateHtml, verdictWords } from "../../runbooks/report-html.ts";
import type { Fault } from "./network/network-model.ts";
import { poisoned, seenNetwork } from "./seen-network.ts";

const words = (n: number, faults: Fault[]) => {
  const { word, headline, sentences } = verdictWords(seenNetwork(n, faults));
  return [`${word}: ${headline}`, ...sentences];
};

describe("the verdict in words", () => {
  test("of a clean network", () => {
    expect(words(4, [])).toEqual(["OK: All 12 links are up, in both directions"]);
  });

  test("of a link that is down one way", () => {
    expect(words(4, [{ kind: "cut", from: 2, to: 3 }])).toEqual([
      "FAIL: 1 of 12 links is down",
      "Down in one direction only, while the way back works: 2→3.",
      "To chase: party 2.",
    ]);
  });

  test("of a party that could not be asked: not down, and not up either", () => {
    expect(words(4, [{ kind: "unauthorized", party: 4 }])).toEqual([
      "UNKNOWN: Could not tell: 3 of 12 links are not known",
      "What could not be told does not count as up.",
      "To chase: party 4.",
    ]);
  });

  test("of a network whose links are up, and one of whose parties fails", () => {
    const report = seenNetwork(4);
    const [party] = report.parties;
    if (party) party.verdict = { status: "FAIL", code: "MANIFEST_DIFFERS", detail: "another manifest" };
    expect(verdictWords({ ...report, verdict: "FAIL" }).headline).toBe("No link is down, but party 1 fails");
  });

  test("of many, without a list that nobody reads", () => {
    const cuts = Array.from({ length: 12 }, (_, index): Fault => ({ kind: "cut", from: index + 1, to: 13 }));
    const [, down] = words(13, cuts);
    expect(down).toMatch(/^Down.*: (\d+→\d+, ){7}\d+→\d+ and \d+ more, listed below\.$/);
  });
});

describe("one file that needs nothing else", () => {
  const html = renderValidateHtml(seenNetwork(13, [{ kind: "kill", party: 7 }]));

  test("names no address, and forbids the network to itself", () => {
    expect(html).not.toMatch(/(src|href)="(?!#)/);
    expect(html).not.toMatch(/@import|url\(|https?:\/\/(?!mpc-node)/);
    expect(html).toContain("default-src 'none'");
    expect(html).not.toContain("unsafe");
  });

  test("its policy lets run what is in it, by its hash", () => {
    for (const name of ["script", "style"]) {
      const text = html.split(`<${name}>`)[1]?.split(`</${name}>`)[0] ?? "";
      const hash = createHash("sha256").update(text).digest("base64");
      expect(html, name).toContain(`${name}-src 'sha256-${hash}'`);
    }
    // Neither hash would cover these.
    expect(html).not.toMatch(/\s(style|on\w+)=/);
  });

  test("a devnet shouts", () => {
    expect(html).toContain("<bdi>DEVNET</bdi>");
    const report = { ...seenNetwork(4), network: "main", environment: "mainnet" };
    expect(renderValidateHtml(report)).toContain("<bdi>main</bdi>");
  });

  test("of a hundred parties it stays small enough to send", () => {
    const page = renderValidateHtml(seenNetwork(100, [{ kind: "kill", party: 40 }]));
    expect(page.length).toBeLessThan(1_500_000);
  });
});

const nasty = [
  "</script><script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "'><svg/onload=alert(1)>",
  "<!--<script>",
  "a\u202egnp.exe\u2066\u200f",
  "\u0000\u001b[31mred\u0007",
  "\ud800 half a character",
  "x".repeat(10_000),
  "&lt;b&gt;",
];

describe("what peers say of themselves stays text", () => {
  test.each(nasty.map((text) => [text.slice(0, 30), text]))("%j", (_, text) => {
    const clean = seenNetwork(4, [
      { kind: "cut", from: 2, to: 3 },
      { kind: "unauthorized", party: 4 },
    ]);
    const html = renderValidateHtml(poisoned(clean, text));
    const tags = (page: string) =>
      (page.match(/<\/?[a-z!][^\s>]*/gi) ?? []).filter((tag) => !/^<\/?(span|bdi|br)/.test(tag));
    const outside = (page: string) => page.replace(/<script[\s\S]*<\/script>/, "");
    // The same elements as of a harmless name, whatever the texts.
    expect(tags(outside(html))).toEqual(tags(outside(renderValidateHtml(poisoned(clean, "harmless")))));
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html.match(/<\/script/g)).toHaveLength(2);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
    expect(html).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2066-\u2069\u200e\u200f]/);
    expect(html.isWellFormed()).toBe(true);
    expect(html.length).toBeLessThan(300_000);
  });
});
