import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ArchivedChart } from "../contract/cluster-tools.ts";
import { fileError } from "../contract/file-error.ts";
import { OperatorError } from "../contract/operator-error.ts";

const downloadTimeoutMs = 60_000;

/**
 * Path of a chart's archive under `dir`, downloaded once and compared with its digest each time. Helm itself would take
 * whatever the address has today.
 */
export async function chartArchive(chart: ArchivedChart, dir: string): Promise<string> {
  const path = join(dir, `${chart.name}-${chart.version}.tgz`);
  const kept = await readFile(path).catch((failure: NodeJS.ErrnoException) => {
    if (failure.code === "ENOENT") return undefined;
    throw fileError(failure, path) ?? failure;
  });
  if (kept) checkDigest(chart, kept, path, `rm ${path}, then repeat the command`);
  else await keep(path, await download(chart, path));
  return path;
}

async function download(chart: ArchivedChart, path: string): Promise<Buffer> {
  const answer = await fetch(chart.url, { signal: AbortSignal.timeout(downloadTimeoutMs) })
    .then(async (response) => (response.ok ? Buffer.from(await response.arrayBuffer()) : `status ${response.status}`))
    .catch((failure: Error) => (failure.cause instanceof Error ? failure.cause.message : failure.message));
  if (typeof answer === "string")
    throw new OperatorError({
      code: "CHART_MISSING",
      what: `chart ${chart.name} ${chart.version} can't be had`,
      found: `${answer} from ${chart.url}`,
      expected: `the archive there, or in ${path}`,
      next: `let this machine reach ${new URL(chart.url).host}, or put the archive to ${path}`,
    });
  checkDigest(chart, answer, chart.url, "tell whoever publishes it, and do not use it");
  return answer;
}

function checkDigest(chart: ArchivedChart, archive: Buffer, from: string, next: string): void {
  const found = `sha256:${createHash("sha256").update(archive).digest("hex")}`;
  if (found !== chart.digest)
    throw new OperatorError({
      code: "CHART_CHANGED",
      what: `chart ${chart.name} ${chart.version} is not the one that is pinned`,
      found: `${found} for ${from}`,
      expected: `${chart.digest}, in contract/cluster-tools.ts`,
      next,
    });
}

/** Under its name only when it is whole: several parties' programs may want it at once. */
async function keep(path: string, archive: Buffer): Promise<void> {
  const partial = `${path}.${randomUUID()}`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(partial, archive);
    await rename(partial, path);
  } catch (failure) {
    throw fileError(failure, path) ?? failure;
  }
}
