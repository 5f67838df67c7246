import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { parseDocument } from "yaml";
import { z } from "zod";
import { canonicalJson } from "../../contract/manifest-digest.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { type CommandFailure, classifyFailure } from "../command.ts";
import type { PartyAccess } from "../context.ts";

/** The chart's own Job that makes a party's keys, as the release in the cluster keeps it: a hook that Helm runs at the first install only. */
export interface KeyJob {
  /** Of the Job that is made of it. */
  name: string;
  /** Release and revision it is from, for the plan. */
  from: string;
  /** Of its specification, so that an approval is of this Job and no other. */
  digest: string;
  labels: Record<string, string>;
  spec: JobSpec;
}

const JobSpec = z.looseObject({
  template: z.looseObject({
    metadata: z.looseObject({ labels: z.record(z.string(), z.string()).default({}) }).default({ labels: {} }),
    spec: z.looseObject({
      containers: z.array(z.looseObject({ name: z.string() })).min(1),
      volumes: z.array(z.looseObject({ name: z.string() })).default([]),
    }),
  }),
});
type JobSpec = z.infer<typeof JobSpec>;

const Hook = z.looseObject({ kind: z.string(), manifest: z.string() });
const Release = z.looseObject({ name: z.string(), version: z.int(), hooks: z.array(Hook).default([]) });
const HookJob = z.looseObject({
  kind: z.literal("Job"),
  metadata: z.looseObject({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
  spec: JobSpec,
});

/** Label of the pods of the Job, in every version of the chart. */
const podLabel = "kms-core-gen-cert-and-keys";
/* What is asked, for the plan's reader too. */

const releasesCommand = (namespace: string, release: string) => [
  ...["get", "secrets", "--namespace", namespace, "--selector", `owner=helm,name=${release}`],
  ...["--output", 'jsonpath={range .items[*]}{.metadata.labels.version}{"\\n"}{end}'],
];
const releaseCommand = (namespace: string, release: string, revision: number) => [
  ...["get", "secret", `sh.helm.release.v1.${release}.v${revision}`, "--namespace", namespace],
  ...["--output", "jsonpath={.data.release}"],
];
/**
 * Reads the Job from the newest revision of the core's release. Throws an OperatorError where there is none. Only while planning: what a release
 * holds is no secret of ours, and belongs into no journal all the same.
 */
export async function readKeyJob(party: PartyAccess): Promise<KeyJob> {
  const { namespace, partyId, workload } = party.outputs;
  const release = workload.statefulSet;
  const ask = async (args: string[]) => {
    const result = await party.kubectl(args, { timeoutMs: 30_000, unrecorded: true });
    const failure = classifyFailure(result);
    if (failure !== null) throw noRelease(partyId, release, failure);
    return result.stdout.trim();
  };
  const revisions = (await ask(releasesCommand(namespace, release))).split(/\s+/).filter(Boolean).map(Number);
  if (revisions.length === 0) throw noRelease(partyId, release, null);
  const packed = await ask(releaseCommand(namespace, release, Math.max(...revisions)));
  const found = Release.safeParse(unpacked(packed));
  const hooks = found.success ? found.data.hooks.filter(({ kind }) => kind === "Job") : [];
  const jobs = hooks.flatMap(({ manifest }) => {
    const job = HookJob.safeParse(parseDocument(manifest).toJS());
    return job.success && job.data.spec.template.metadata.labels.app === podLabel ? [job.data] : [];
  });
  const [job] = jobs;
  if (!found.success || job === undefined)
    throw new OperatorError({
      code: "KEY_JOB_NOT_IN_RELEASE",
      what: `party ${partyId}: its release of the core has no Job that makes keys`,
      found: found.success
        ? `hooks of ${release}, revision ${found.data.version}: ${found.data.hooks.map(({ kind }) => kind).join(", ") || "none"}`
        : `a release that can not be read`,
      expected: `a Job whose pods have the label app=${podLabel}`,
      next: `helm get hooks ${release} --namespace ${namespace}; then: npx quorate up --party ${partyId}`,
      exitCode: exitCodes.failed,
    });
  return {
    name: `${job.metadata.name.slice(0, 52)}-again`,
    from: `${release}, revision ${found.data.version}`,
    digest: createHash("sha256").update(canonicalJson(job.spec)).digest("hex"),
    labels: job.metadata.labels,
    spec: job.spec,
  };
}

function noRelease(partyId: number, release: string, failure: CommandFailure | null): OperatorError {
  const isThere = failure !== null && failure.code !== "NOT_FOUND";
  return new OperatorError({
    code: isThere ? "KEY_JOB_UNREADABLE" : "KEY_JOB_NO_RELEASE",
    what: isThere
      ? `party ${partyId}: whether there is a release of its core could not be told`
      : `party ${partyId} has no release of the core in its cluster, whose Job makes the keys`,
    found: failure?.reason ?? `no Secret of Helm's for ${release}`,
    expected: `the release ${release}, which holds the Job; reading it takes the rights of an operator`,
    next: isThere
      ? "npx quorate run cluster-check"
      : `npx quorate up --party ${partyId}: it makes the release, and the keys with it`,
    exitCode: isThere ? exitCodes.unknown : exitCodes.failed,
  });
}

/** As Helm packs it: JSON in gzip in Base64, and Base64 once more, as a Secret has it. */
function unpacked(text: string): unknown {
  try {
    const once = Buffer.from(text, "base64").toString("latin1");
    return JSON.parse(gunzipSync(Buffer.from(once, "base64"), { maxOutputLength: 64 * 2 ** 20 }).toString("utf8"));
  } catch {
    // Whatever it is, it is no release; what is wrong with it is Helm's to tell.
    return undefined;
  }
}
