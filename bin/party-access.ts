import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { OperatorError } from "../contract/operator-error.ts";
import type { PartyOutputs } from "../contract/party-outputs.ts";
import { awsFailure } from "../fleet/aws-failure.ts";
import { type Caller, callerOf, writeKubeconfig } from "../fleet/cluster-access.ts";
import { Fleet } from "../fleet/driver.ts";
import { tokenSeconds } from "../fleet/eks-token.ts";
import { KeptKubeconfig } from "../fleet/kept-kubeconfig.ts";
import { outputsMissing, readAllOutputs } from "../fleet/outputs.ts";
import { partyStacks } from "../fleet/party-stacks.ts";
import { runCommand } from "../runbooks/command.ts";
import type { CommandOptions, CommandResult, PartyAccess } from "../runbooks/context.ts";
import { within } from "../runbooks/within.ts";
import { clientOptions } from "../stacks/aws-profile.ts";
import type { Session } from "./session.ts";
import { terminal } from "./terminal.ts";

/**
 * Access to every party whose stack lies here and was brought up. `joinsOthers`: that may be none, where somebody else's documents are trusted.
 * `progress` is told of stacks that are left out. Disposing it removes the short-lived kubeconfigs.
 */
export async function openPartyAccess(
  session: Session,
  { joinsOthers = false }: { joinsOthers?: boolean | undefined } = {},
  progress: (text: string) => void = (text) => terminal.progress(text),
): Promise<AsyncDisposable & { parties: PartyAccess[] }> {
  const everyone = await everyOutputs(session, joinsOthers, progress);
  const parent = join(session.root, ".quorate", "access");
  await mkdir(parent, { recursive: true, mode: 0o700 });
  await sweep(parent);
  const folder = await mkdtemp(join(parent, `${session.network}-`));
  return {
    parties: everyone.map(({ outputs, stackName }) => ({ ...partyAccess(outputs, folder), stackName })),
    [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true, force: true }),
  };
}

/** Removes what commands that were killed left behind, once no token in it can be of use. */
async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > 2 * tokenSeconds * 1000) await rm(path, { recursive: true, force: true });
  }
}

async function everyOutputs(
  session: Session,
  joinsOthers: boolean,
  progress: (text: string) => void,
): Promise<{ outputs: PartyOutputs; stackName: string }[]> {
  const fleet = new Fleet(session);
  const stacks = await partyStacks(session.stacksDir, session.network);
  const { found, missing } = await readAllOutputs(() => fleet.workDir(), stacks);
  if (found.length === 0 && missing.length > 0 && !(joinsOthers && (await trustsAnybody(session))))
    throw outputsMissing(missing, { all: true, joinsOthers });
  for (const { partyId, stackName } of missing)
    progress(`party ${partyId}: stack ${stackName} has no outputs: left out`);
  const nameOf = new Map(stacks.map(({ partyId, stackName }) => [partyId, stackName]));
  return found.map((outputs) => ({ outputs, stackName: nameOf.get(outputs.partyId) ?? "" }));
}

async function trustsAnybody({ stacksDir, network }: Session): Promise<boolean> {
  const { CardFiles } = await import("../stacks/card-files.ts");
  const trust = await new CardFiles(stacksDir, network).readTrust();
  return Object.keys(trust?.parties ?? {}).length > 0;
}

/** Whose cluster can not be reached by then is asked for nothing that would have been worth the wait. */
const mostAheadMs = 1_000;

function partyAccess(outputs: PartyOutputs, folder: string): PartyAccess {
  let asked: Promise<Caller> | undefined;
  const caller = () => {
    asked ??= callerOf(outputs);
    // What could not be told once may be told the next time.
    asked.catch(() => {
      asked = undefined;
    });
    return asked;
  };
  const kubeconfig = new KeptKubeconfig(async () => {
    // Another command may have swept it away, of a run that is longer than its token.
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return (await writeKubeconfig(folder, outputs, caller())).path;
  });
  let vault: Promise<S3Client> | undefined;
  const client = () => {
    // Path style: the bucket's name need not resolve as a host.
    vault ??= clientOptions({ profile: outputs.awsProfile, region: outputs.region }).then(
      (options) => new S3Client({ ...options, forcePathStyle: true }),
    );
    return vault;
  };
  const refused = (action: string, of: string, failure: unknown) => {
    const { partyId, awsProfile: profile, region, accountId } = outputs;
    return awsFailure({ partyId, profile, region, accountId, action, of }, failure);
  };
  return {
    outputs,
    async kubectl(args: string[], options: CommandOptions = {}): Promise<CommandResult> {
      let path: string;
      try {
        path = await kubeconfig.path();
      } catch (failure) {
        if (!(failure instanceof OperatorError)) throw failure;
        // One line: it becomes the reason of a "could not tell".
        const { message, problem } = failure;
        const why = `${message}: ${problem.found.split("\n", 1)[0]}`;
        return { stdout: "", stderr: why, exitCode: 1, durationMs: 0, ended: "not-started" };
      }
      return await runCommand("kubectl", ["--kubeconfig", path, "--namespace", outputs.namespace, ...args], options);
    },
    caller: async () => (await caller()).arn,
    async cloud(asking) {
      // Its clients take a while to load, in which nothing else goes on here: what kubectl is to ask is under way before.
      await within(mostAheadMs, kubeconfig.path()).catch(() => {});
      const { cloudSights } = await import("../fleet/cloud-sights.ts");
      return await cloudSights(outputs, asking);
    },
    async readObject(bucket: string, key: string): Promise<string | null> {
      try {
        const object = await (await client()).send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        return (await object.Body?.transformToString()) ?? "";
      } catch (failure) {
        if (failure instanceof Error && (failure.name === "NoSuchKey" || failure.name === "NotFound")) return null;
        throw refused("s3:GetObject", `s3://${bucket}/${key}`, failure);
      }
    },
    async listObjects(bucket: string, prefix: string): Promise<string[]> {
      try {
        const listed = await (await client()).send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
        return (listed.Contents ?? []).flatMap(({ Key }) => Key ?? []);
      } catch (failure) {
        throw refused("s3:ListBucket", `s3://${bucket}/${prefix}`, failure);
      }
    },
  };
}
