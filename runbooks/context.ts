import type { CloudSights } from "../contract/cloud-sights.ts";
import type { Digest } from "../contract/names.ts";
import type { NetworkManifest } from "../contract/network-manifest.ts";
import type { PartyOutputs } from "../contract/party-outputs.ts";
import type { FoundHalf, HalfRules } from "../contract/validate-half.ts";

/** What a command left behind. A command that was ended by its deadline says so in `ended`. */
export interface CommandResult {
  stdout: string;
  stderr: string;
  /** 128 + signal number where a signal ended it; 127 where the program is not there. */
  exitCode: number;
  durationMs: number;
  /** Why it ended. @default "exited" */
  ended?: "exited" | "deadline" | "aborted" | "too-much-output" | "not-started";
}

export interface CommandOptions {
  /** Written to standard input, which is then closed. */
  stdin?: string;
  /** Standard input is not closed before this aborts. An empty line goes before its end, which not every container runtime passes on. */
  holdStdin?: AbortSignal;
  /** A run writes down that it asked, and the hash of what came, but not what came: others' words are not all for keeping. */
  unrecorded?: boolean;
  /** @default 30000 */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Each full line of standard output, as it comes. */
  onLine?(line: string): void;
}

/** One party for which credentials are held. */
export interface PartyAccess {
  outputs: PartyOutputs;
  /** By which Pulumi knows the party's stack. Left out where that is not known. */
  stackName?: string;
  /** kubectl with this party's own short-lived kubeconfig. Never throws for an exit code: the caller judges it. */
  kubectl(args: string[], options?: CommandOptions): Promise<CommandResult>;
  /** ARN as which this party's credentials act. Throws when it could not be told; takes as long as AWS takes. */
  caller(): Promise<string>;
  /** GET of an object in a vault as text, null if it is absent. Throws when it could not be told. */
  readObject(bucket: string, key: string): Promise<string | null>;
  /** Keys of the objects in a vault that begin with this. Throws when it could not be told. Left out where nothing can be listed. */
  listObjects?(bucket: string, prefix: string): Promise<string[]>;
  /** What AWS says of the party to its own credentials. Never throws because of what AWS does. Left out where there is no cloud to ask. */
  cloud?(asking: { timeoutMs: number; signal: AbortSignal }): Promise<CloudSights>;
}

/** What a core publishes of a party: in the party's own vault, or, where `of` is another, the copy that its core looks for there. */
export interface PublishedObject {
  type: "CACert" | "VerfAddress";
  of: number;
}

/** A public object as anybody finds it. */
export type PublishedText =
  | { status: "found"; text: string }
  | { status: "absent" }
  /** Nothing is there, or nothing that the world may read: S3 says the same of both. */
  | { status: "forbidden" }
  | { status: "unknown"; reason: string };

/** A file that an operator keeps beside the stacks, under version control. */
export interface KeptFile {
  /** As it is called from the project's root. */
  path: string;
  /** Undefined where there is none. */
  read(): Promise<string | undefined>;
  /** All of it or nothing. */
  replace(text: string): Promise<void>;
}

/** Everything that a runbook may touch; it imports no driver of its own. */
export interface RunbookContext<I = unknown> {
  inputs: I;
  manifest: NetworkManifest;
  manifestDigest: Digest;
  /** Those for which credentials are held, not all of the network. */
  parties: PartyAccess[];
  clock: { now(): Date };
  /** Looks for another party's signed half, and verifies it. What is wrong with it, or with the way to it, is part of the answer. */
  readHalf(partyId: number, rules: HalfRules): Promise<FoundHalf>;
  /** Reads what lies in a party's public vault, with no credentials. Never throws for what the vault does. */
  readPublished(holder: number, object: PublishedObject): Promise<PublishedText>;
  /** What was measured before, to compare with: `baselines/<network>.<of>.json`. */
  baseline(of: string): KeptFile;
  signal: AbortSignal;
  /** One line about what is going on; nothing is recorded of it. */
  progress(text: string): void;
}
