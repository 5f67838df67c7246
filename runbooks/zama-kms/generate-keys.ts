import { z } from "zod";
import type { FoundCertificate } from "../../contract/certificates-report.ts";
import { identityTypes, KeyGenerationReport } from "../../contract/key-generation-report.ts";
import type { NetworkManifest } from "../../contract/network-manifest.ts";
import { partyHost } from "../../contract/network-manifest.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import { signingKeyHandle } from "../../contract/signing-key-handle.ts";
import { exitCodes, type Finding, fail, ok, summarise, unknown, type Verdict } from "../../contract/verdict.ts";
import type { PartyAccess, RunbookContext } from "../context.ts";
import { type Done, type Step, step } from "../runbook.ts";
import { readCaCertificate } from "./ca-certificate.ts";
import { mistakeOf } from "./judge-certificates.ts";
import { keyJobCommands, runKeyJob } from "./key-job.ts";
import { type KeyJob, readKeyJob } from "./key-job-release.ts";

type Type = (typeof identityTypes)[number];

/** What lies in one folder of a party's own public vault, as its own credentials see it. */
type Found = { status: "found"; text: string } | { status: "absent" } | { status: "unknown"; reason: string };

interface Folder {
  type: Type;
  found: Found;
  /** Objects in it; null where they could not be listed. */
  objects: number | null;
  /** Why they could not be. */
  unlisted: string | null;
}

const Generated = z.strictObject({ made: z.boolean(), seconds: z.int().nullable() });

type Context = Pick<RunbookContext, "manifest" | "manifestDigest" | "clock" | "progress" | "signal">;

/** For each party a step that makes what is missing, one party after the other; then a step that looks at what came of it. */
export async function generateSteps(
  parties: readonly PartyAccess[],
  context: Context,
  { deadlineMs, pollMs }: { deadlineMs: number; pollMs?: number },
): Promise<Step[]> {
  const making = await Promise.all(
    parties.map(async (party) => {
      // A party whose keys are there needs no release to say so.
      const job = await readKeyJob(party).catch((failure: unknown) => {
        if (failure instanceof OperatorError) return failure;
        throw failure;
      });
      return generateStep(party, job, { ...context, deadlineMs, ...(pollMs === undefined ? {} : { pollMs }) });
    }),
  );
  const check = step({
    id: "judge",
    does: `look into ${parties.length === 1 ? "its public vault" : `${parties.length} public vaults`}: ${identityTypes.join(", ")}, one of each, of one key, and in the party's name`,
    repeat: "safe",
    evidence: KeyGenerationReport,
    run: async ({ evidence }) => {
      const seen = await Promise.all(
        parties.map(async (party) => ({
          party,
          made: evidence(`generate-${party.outputs.partyId}`, Generated).made,
          folders: await lookInto(party),
        })),
      );
      return judgeKeys(seen, context);
    },
  });
  return [...making, check];
}

function generateStep(
  party: PartyAccess,
  job: KeyJob | OperatorError,
  { deadlineMs, pollMs, progress }: Context & { deadlineMs: number; pollMs?: number },
): Step {
  const { partyId } = party.outputs;
  const isThere = !(job instanceof OperatorError);
  return step({
    id: `generate-${partyId}`,
    does: isThere
      ? `have party ${partyId}'s keys made by the Job of its release (${job.from}, specification ${job.digest.slice(0, 16)}), unless they are there`
      : `have party ${partyId}'s keys made, unless they are there; there is nothing to make them with (${job.problem.code})`,
    target: `party ${partyId}`,
    commands: isThere ? keyJobCommands(party, job) : [],
    repeat: "check-first",
    done: () => keysAreThere(party),
    evidence: Generated,
    async run({ signal }) {
      refuseIncomplete(party, await lookInto(party));
      if (!isThere) throw job;
      const end = await runKeyJob(party, job, {
        deadlineMs,
        signal,
        progress,
        ...(pollMs === undefined ? {} : { pollMs }),
      });
      const folders = await lookInto(party);
      const missing = folders.filter(({ found }) => found.status === "absent").map(({ type }) => type);
      if (missing.length === 0) return { made: true, seconds: end.seconds };
      throw new OperatorError({
        code: "KEY_JOB_DID_NOTHING",
        what: `party ${partyId}: the Job ended well, and there is no ${missing.join(", ")} in its public vault`,
        found:
          end.log === ""
            ? "a Job that exits with 0 whatever it did, and no log of it"
            : `the end of its log:\n${end.log}`,
        expected: `${identityTypes.join(", ")} in s3://${party.outputs.publicVault.bucketName}/${party.outputs.publicVault.prefix}`,
        next: `npx quorate run cluster-check --parties ${partyId}; what AWS KMS refuses an enclave is in its own log only`,
        exitCode: exitCodes.failed,
      });
    },
  });
}

/** What is whole is left alone. */
async function keysAreThere(party: PartyAccess): Promise<Done> {
  const { partyId } = party.outputs;
  const folders = await lookInto(party);
  const silent = folders.find(({ found }) => found.status === "unknown");
  if (silent?.found.status === "unknown")
    return { done: "unknown", why: `party ${partyId}: whether it has keys could not be told: ${silent.found.reason}` };
  const absent = folders.filter(({ found }) => found.status === "absent");
  // Keys of another name may lie where nothing can be listed.
  const hidden = absent.find(({ unlisted }) => unlisted !== null);
  if (hidden !== undefined)
    return {
      done: "unknown",
      why: `party ${partyId}: whether anything lies in ${hidden.type} could not be told: ${hidden.unlisted}`,
    };
  if (absent.length > 0) return { done: false };
  return { done: true, why: `party ${partyId} has its keys already`, evidence: { made: false, seconds: null } };
}

/** Never a new key over one that is there: what is half is nobody's to complete by making another. */
function refuseIncomplete({ outputs: { partyId, publicVault } }: PartyAccess, folders: readonly Folder[]): void {
  const of = (status: Found["status"]) =>
    folders.filter(({ found }) => found.status === status).map(({ type }) => type);
  const strays = folders.filter(({ found, objects }) => found.status === "absent" && (objects ?? 0) > 0);
  const isEmpty = folders.every(({ found, objects }) => found.status === "absent" && objects === 0);
  if (isEmpty) return;
  throw new OperatorError({
    code: "KEYS_INCOMPLETE",
    what: `party ${partyId} has keys in part: nothing is made, for it could be another key`,
    found: [
      ...(of("found").length > 0 ? [`there: ${of("found").join(", ")}`] : []),
      ...(of("unknown").length > 0 ? [`could not be told: ${of("unknown").join(", ")}`] : []),
      `missing: ${of("absent").join(", ") || "none"}`,
      ...folders.flatMap(({ type, unlisted }) => (unlisted === null ? [] : [`${type} can not be listed: ${unlisted}`])),
      ...strays.map(({ type, objects }) => `${objects} object${objects === 1 ? "" : "s"} of another name in ${type}`),
    ].join("\n"),
    expected: "all of them, or none",
    next: `look for earlier versions, which the vault keeps: aws s3api list-object-versions --bucket ${publicVault.bucketName} --prefix ${publicVault.prefix}/; from a sealed key KMS Core publishes what is missing ([keygen] repopulate)`,
    exitCode: exitCodes.refused,
  });
}

async function lookInto({ outputs, readObject, listObjects }: PartyAccess): Promise<Folder[]> {
  const { bucketName, prefix } = outputs.publicVault;
  return await Promise.all(
    identityTypes.map(async (type): Promise<Folder> => {
      const folder = `${prefix}/${type}/`;
      const [found, listed] = await Promise.all([
        readObject(bucketName, `${folder}${signingKeyHandle}`).then(
          (text): Found => (text === null ? { status: "absent" } : { status: "found", text }),
          (failure: unknown): Found => ({ status: "unknown", reason: reasonOf(failure) }),
        ),
        listObjects?.(bucketName, folder).then(
          (keys) => ({ objects: keys.length, unlisted: null }),
          (failure: unknown) => ({ objects: null, unlisted: reasonOf(failure) }),
        ) ?? { objects: null, unlisted: "nothing can be listed here" },
      ]);
      return { type, found, ...listed };
    }),
  );
}

function reasonOf(failure: unknown): string {
  if (failure instanceof OperatorError) return `${failure.message}: ${failure.problem.found.split("\n", 1)[0]}`;
  return failure instanceof Error ? failure.message : String(failure);
}

interface Seen {
  party: PartyAccess;
  made: boolean;
  folders: readonly Folder[];
}

function judgeKeys(seen: readonly Seen[], { manifest, manifestDigest, clock }: Context): KeyGenerationReport {
  const now = clock.now();
  const parties = seen.map(({ party: { outputs }, made, folders }) => {
    const text = (type: Type) => {
      const found = folders.find((folder) => folder.type === type)?.found;
      return found?.status === "found" ? found.text : undefined;
    };
    const pem = text("CACert");
    const certificate: FoundCertificate = pem === undefined ? { status: "absent" } : readCaCertificate(pem);
    const judged = folders.map((folder) => ({
      type: folder.type,
      objects: folder.objects,
      verdict: folderVerdict(folder),
    }));
    const own = certificateVerdict(certificate, hostOf(manifest, outputs.partyId), text("VerfAddress"), now);
    const all = [...judged.map(({ verdict }) => verdict), ...(own === null ? [] : [own])];
    return {
      partyId: outputs.partyId as number,
      name: outputs.partyName,
      made,
      verdict: all.find(({ status }) => status === "FAIL") ?? all.find(({ status }) => status === "UNKNOWN") ?? ok,
      certificate: certificate.status === "found" ? certificate.value : null,
      folders: judged,
    };
  });
  return {
    schema: "quorate/key-generation/v1",
    network: manifest.network,
    environment: manifest.environment,
    verdict: summarise(parties.map(({ verdict }) => verdict)),
    findings: parties.flatMap((party): Finding[] => findingsOf(party, hostOf(manifest, party.partyId))),
    checkedAt: now.toISOString(),
    manifestDigest,
    parties,
  };
}

function hostOf(manifest: NetworkManifest, partyId: number): string {
  const party = manifest.parties.find(({ id }) => id === partyId);
  if (party === undefined) throw new Error(`party ${partyId} is not in the manifest`);
  return partyHost(party);
}

function folderVerdict({ type, found, objects }: Folder): Verdict {
  if (found.status === "unknown") return unknown(`${type}: ${found.reason}`);
  if (found.status === "absent") return fail("KEYS_NOT_PUBLISHED", `there is no ${type}`);
  if (objects === null) return unknown(`${type}: how many objects lie in its folder could not be told`);
  return objects === 1
    ? ok
    : fail(
        "KEYS_NOT_ALONE",
        `${objects} objects in ${type}: a starting core takes exactly one of CACert, and its peers fetch by the folder`,
      );
}

/** Null where there is none to judge. */
function certificateVerdict(
  found: FoundCertificate,
  host: string,
  address: string | undefined,
  now: Date,
): Verdict | null {
  if (found.status === "unreadable") return fail("CA_CERTIFICATE_UNREADABLE", found.detail);
  if (found.status !== "found") return null;
  const wrong = mistakeOf(found.value, host, now);
  if (wrong !== undefined || address === undefined) return wrong ?? null;
  const signing = address.trim().toLowerCase();
  if (signing === found.value.address) return ok;
  return fail(
    "CA_CERTIFICATE_KEY_WRONG",
    `the certificate's key is ${found.value.address}, its signing key ${signing.slice(0, 60)}`,
  );
}

function findingsOf({ partyId, verdict }: KeyGenerationReport["parties"][number], host: string): Finding[] {
  if (verdict.status === "OK") return [];
  return [
    {
      code: verdict.status === "FAIL" ? verdict.code : "COULD_NOT_TELL",
      party: partyId,
      field: `keys of party ${partyId}`,
      found: verdict.status === "FAIL" ? verdict.detail : verdict.reason,
      expected: `${identityTypes.join(", ")} of one signing key, one object in each folder, CN and SAN ${host}`,
      next: "npx quorate run certificates",
    },
  ];
}
