import "reflect-metadata";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { XMLValidator } from "fast-xml-parser";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { canonicalJson } from "../../../contract/manifest-digest.ts";
import { NetworkManifest } from "../../../contract/network-manifest.ts";
import { FoundHalf, ValidateHalf } from "../../../contract/validate-half.ts";
import { ValidateReport } from "../../../contract/validate-report.ts";
import { signHalf } from "../../../fleet/half-publishing.ts";
import { readHalf } from "../../../fleet/halves.ts";
import { joinHalves } from "../../../runbooks/network/join.ts";
import { judge } from "../../../runbooks/network/judge.ts";
import report from "../../../runbooks/network/report.ts";
import { presentValidation } from "../../../runbooks/network/validate.ts";
import { executeRun, planRunbook } from "../../../runbooks/run.ts";
import { CardFiles } from "../../../stacks/card-files.ts";
import { digestOf, LocalKey } from "../../support/cards.ts";
import { halfContent } from "../../support/halves.ts";
import { rawManifest } from "../../support/network.ts";
import { noBaselines, noVaults } from "../support/no-peers.ts";
import { type Fault, modelNetwork } from "./network-model.ts";

/** Whatever a member of the network may sign in place of what it saw. */
const nonsense: unknown[] = [
  "",
  " ",
  "</script><script>alert(1)</script>",
  '"/><testcase name="forged"/>',
  "x\nquorate_validate_verdict 1\nverdict OK",
  "\u001b[2J\u001b]0;all is well\u0007",
  "\u202eKO \u2066\u200f\u061c\u200b",
  "a\\u0007 | **b** ](https://elsewhere.example) `c` ]]> {{d}}",
  "\ud800",
  "x".repeat(501),
  "9999-12-31T23:59:59.999Z",
  "0000-01-01T00:00:00Z",
  -1,
  0,
  0.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  null,
  true,
  false,
  [],
  {},
  JSON.parse('{"__proto__":{"status":"OK"},"constructor":{"prototype":null}}'),
];

type Path = (string | number)[];
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, each]) => pathsOf(each, [...path, key]))];
}

function withAt(value: unknown, [key, ...rest]: Path, put: unknown): unknown {
  if (key === undefined) return put;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, unknown>;
  copy[key] = withAt(copy[key], rest, put);
  return copy;
}

// What steers a terminal, and what no XML has a way for. Line breaks are ours.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const steering = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f]/;

describe.each(["link", "network"] as const)("at stage %s, whatever a member signs of itself", (stage) => {
  const faults: Fault[] = [{ kind: "cut", from: 2, to: 3 }];
  const seen = modelNetwork(4, faults, { stage });
  const signingKey = { id: "arn:aws:kms:eu-west-1:100000000002:key/1", fingerprint: digestOf("f") };
  const good = { ...halfContent(2, { seen }), signingKey };
  const own = modelNetwork(4, faults, { stage, mine: [1, 3, 4] });
  const taken = pathsOf(good).flatMap((path) =>
    nonsense.flatMap((put) => ValidateHalf.safeParse(withAt(good, path, put)).data ?? []),
  );

  test("costs its own row at the most: the report fits its contract, and no form of it carries more than text", () => {
    expect(taken.length).toBeGreaterThan(50);
    for (const half of taken) {
      const found = FoundHalf.parse({ partyId: 2, source: "a vault", half, digest: digestOf("2"), problem: null });
      const judged = ValidateReport.parse(judge(joinHalves(own, [found])));
      expect(judged.links).toHaveLength(12);
      const elsewhere = judged.links.filter(({ from, to }) => from !== 2 && to !== 2);
      expect(elsewhere.every(({ verdict }) => verdict.status === "OK")).toBe(true);
      const shown = presentValidation(judged);
      const html = shown.html?.() ?? "";
      const [junit, prometheus] = [shown.junit?.() ?? "", shown.prometheus?.() ?? ""];
      const forms = [shown.text({ colour: false, columns: 100 }), shown.markdown?.() ?? "", junit, html, prometheus];
      for (const form of forms) expect(form).not.toMatch(steering);
      expect(html).not.toContain("<script>alert");
      expect(XMLValidator.validate(junit)).toBe(true);
      expect(junit).not.toContain('name="forged"');
      expect(prometheus.match(/^quorate_validate_verdict/gm)).toHaveLength(1);
    }
  });
});

describe("of a network of thirteen", () => {
  const manifest = NetworkManifest.parse(rawManifest(13));
  const keys = manifest.parties.map(() => new LocalKey());
  const seen = modelNetwork(13);
  const now = new Date(Date.parse(seen.startedAt) + 60_000);
  let root = "";
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "quorate-thirteen-"));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const keyOf = (id: number) => keys[id - 1] ?? new LocalKey();
  const publish = async (id: number, text: string) => await writeFile(join(root, `party-${id}.half.jws`), text);
  const publishAll = async (ids: readonly number[]) => {
    for (const id of ids) await publish(id, await signHalf(halfContent(id, { seen }), keyOf(id)));
  };
  const others = (...without: number[]) => manifest.parties.map(({ id }) => id).filter((id) => !without.includes(id));

  async function joined() {
    const trust = {
      contract: "card-trust/v1",
      network: manifest.network,
      parties: Object.fromEntries(manifest.parties.map(({ id }) => [id, { fingerprint: keyOf(id).fingerprint }])),
    } as const;
    const reading = {
      files: new CardFiles(root, manifest.network),
      trust,
      manifest,
      manifestDigest: digestOf("e"),
      endpoint: undefined,
      own: async () => undefined,
      now,
    };
    const signal = new AbortController().signal;
    const given = {
      manifest,
      manifestDigest: digestOf("e"),
      parties: [],
      clock: { now: () => now },
      signal,
      progress: () => {},
      readPublished: noVaults,
      baseline: noBaselines,
      readHalf: async (id: number, rules: Parameters<typeof readHalf>[1]) => await readHalf(id, rules, reading),
    };
    const host = {
      runsDir: join(root, "runs"),
      operator: "tester",
      terminal: { interactive: false, print: () => {}, ask: async () => null },
      clock: given.clock,
      signal,
    };
    const planned = await planRunbook(report, given, { from: root });
    const { exitCode, report: made, bug } = await executeRun(planned, host, { quiet: true });
    expect(bug).toBeNull();
    return { exitCode, json: ValidateReport.parse(made?.json) };
  }

  const rowOf = ({ links }: ValidateReport, id: number) =>
    links.filter(({ from }) => from === id).map(({ verdict }) => verdict.status);

  test("all thirteen halves make one green report", async () => {
    await publishAll(others());
    const { exitCode, json } = await joined();
    expect([exitCode, json.verdict, json.linksUp]).toEqual([0, "OK", 156]);
  });

  test("of twelve, the report names the one that is missing, none of its links is green, and it could not tell", async () => {
    await publishAll(others(9));
    const { exitCode, json } = await joined();
    expect([exitCode, json.verdict, json.linksUp, json.linksTotal]).toEqual([5, "UNKNOWN", 144, 156]);
    expect(rowOf(json, 9)).toEqual(Array(12).fill("UNKNOWN"));
    expect(json.parties.filter(({ verdict }) => verdict.status !== "OK").map(({ partyId }) => partyId)).toEqual([9]);
    expect(json.findings).toMatchObject([{ code: "HALF_MISSING", party: 9 }]);
    expect(json.partiesFullyConnected).toBe(0);
  });

  test("a second one that contradicts the others is told beside it: red, with neither of them green", async () => {
    await publishAll(others(9));
    const content = halfContent(4, { seen: modelNetwork(13, [{ kind: "scale-to-zero", party: 4 }]) });
    await publish(4, await signHalf(content, keyOf(4)));
    const { exitCode, json } = await joined();
    expect([exitCode, json.verdict]).toEqual([1, "FAIL"]);
    expect(rowOf(json, 9)).toEqual(Array(12).fill("UNKNOWN"));
    expect(rowOf(json, 4)).not.toContain("OK");
    expect(json.links.filter(({ to }) => to === 4).map(({ verdict }) => verdict.status)).not.toContain("OK");
    expect(new Set(json.findings.map(({ code, party }) => `${code} ${party}`))).toEqual(
      new Set(["HALF_MISSING 9", "PARTY_DOWN 4", "CONTRADICTED 4"]),
    );
    expect(json.links.filter(({ verdict }) => verdict.status === "OK")).toHaveLength(11 * 10 + 11);
  });

  test("one that is refused is refused alone, and the network is red for it", async () => {
    await publishAll(others(9));
    const lists = { links: Array.from({ length: 100_000 }, () => ({})) };
    await publish(9, keyOf(9).forge({ ...keyOf(9).header, typ: "quorate-half+jws" }, canonicalJson(lists)));
    const { exitCode, json } = await joined();
    expect([exitCode, json.verdict, json.linksUp]).toEqual([1, "FAIL", 144]);
    expect(json.findings).toMatchObject([{ code: "HALF_INVALID", party: 9 }]);
  });
});
