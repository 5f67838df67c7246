import "reflect-metadata";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NetworkManifest } from "../../contract/network-manifest.ts";
import { ValidateReport } from "../../contract/validate-report.ts";
import { signHalf } from "../../fleet/half-publishing.ts";
import { halfFileEnding, readHalf } from "../../fleet/halves.ts";
import { joinHalves } from "../../runbooks/network/join.ts";
import { judge } from "../../runbooks/network/judge.ts";
import { presentValidation } from "../../runbooks/network/validate.ts";
import { CardFiles } from "../../stacks/card-files.ts";
import { modelNetwork } from "../runbooks/network/network-model.ts";
import { digestOf, LocalKey, minuteMs } from "../support/cards.ts";
import { halfContent } from "../support/halves.ts";
import { rawManifest } from "../support/network.ts";

// The signed halves of 100 parties, from files to the page: read, verified, joined, judged, rendered; once, in a process that has done it never before.
const parties = 100;
const folder = process.argv[2];
if (folder === undefined) throw new Error("where may the halves lie?");
await mkdir(folder, { recursive: true });
const ids = Array.from({ length: parties }, (_, index) => index + 1);
const seen = modelNetwork(parties, [
  { kind: "cut", from: 62, to: 17 },
  { kind: "kill", party: 40 },
]);
const files = new CardFiles(folder, "devnet");
for (const id of ids) {
  const key = new LocalKey();
  await files.writeTrust(id, { fingerprint: key.fingerprint });
  await writeFile(join(folder, `party-${id}${halfFileEnding}`), await signHalf(halfContent(id, { seen }), key));
}
const reading = {
  files,
  manifest: NetworkManifest.parse(rawManifest()),
  manifestDigest: digestOf("e"),
  endpoint: undefined,
  own: async () => undefined,
  now: new Date(Date.parse(seen.startedAt) + minuteMs),
};
const question = { stage: "link", maxAgeMs: 15 * minuteMs, folder } as const;

const started = performance.now();
const trust = await files.readTrust();
const halves = await Promise.all(ids.map((id) => readHalf(id, question, { ...reading, trust })));
const read = performance.now();
const joined = joinHalves(modelNetwork(parties, [], { mine: [] }), halves);
const report = ValidateReport.parse(judge(joined));
const judged = performance.now();
const page = presentValidation(report).html?.() ?? "";
const ended = performance.now();
const verified = halves.filter(({ half }) => half !== null).length;
const seconds = (from: number, to: number) => (to - from) / 1000;
process.stdout.write(
  `${JSON.stringify({
    seconds: seconds(started, ended),
    read: seconds(started, read),
    judge: seconds(read, judged),
    render: seconds(judged, ended),
    verified,
    links: report.links.length,
    kilobytes: Math.round(page.length / 1000),
    problem: halves.find(({ problem }) => problem !== null)?.problem ?? null,
  })}\n`,
);
