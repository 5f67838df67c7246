import { statSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { fileError } from "../contract/file-error.ts";
import type { Digest } from "../contract/names.ts";
import type { NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { parse } from "../contract/parse.ts";
import { printable } from "../contract/printable.ts";
import { listNetworks, readManifest } from "../stacks/manifest-file.ts";
import { readIfThere } from "../stacks/text-file.ts";

/** What all commands about one network start from. */
export interface Session {
  /** Project root: where `stacks/` and `.quorate/` lie. */
  root: string;
  network: string;
  stacksDir: string;
  manifest: NetworkManifest;
  manifestDigest: Digest;
  /** Throws unless what the network stands on is there. To be waited for before any engine starts. */
  ready(): Promise<void>;
  /** Environment of one party's commands, beyond what all share. */
  partyEnv(partyId: number): Record<string, string>;
}

/** Environment that a network brings along, for whoever works on it: backend, credentials files, stack files. */
const NetworkEnvironment = z.strictObject({
  common: z.record(z.string(), z.string()),
  parties: z.record(z.string().regex(/^\d+$/), z.record(z.string(), z.string())),
});

/** The nearest folder, from here upwards, that holds stacks. */
export function projectRoot(from: string = workingFolder()): string {
  let closed: OperatorError | undefined;
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    try {
      if (statSync(join(folder, "stacks", "networks"), { throwIfNoEntry: false })) return folder;
    } catch (failure) {
      // A folder that can not be entered may be the project, or only one above it.
      if ((failure as NodeJS.ErrnoException).code === "EACCES") closed ??= fileError(failure);
    }
    if (folder === dirname(folder)) break;
  }
  if (closed) throw closed;
  throw new OperatorError({
    code: "PROJECT_MISSING",
    what: "this is not inside a Quorate project",
    found: `no stacks/networks in ${from} or above it`,
    expected: "a folder with stacks/networks/<network>.yaml",
    next: "change into your project, or write a network manifest there",
  });
}

function workingFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new OperatorError(
      {
        code: "PROJECT_MISSING",
        what: "this is not inside a Quorate project",
        found: "a working folder that was removed",
        expected: "a folder with stacks/networks/<network>.yaml",
        next: "change into your project",
      },
      { cause },
    );
  }
}

/** Where set-up puts the tools of this copy of Quorate: beside its sources, or beside what the package has for them. */
export const toolsFolder = fileURLToPath(new URL("../.tools/bin", import.meta.url));

/** Puts our tools, and the Node that runs this, first on PATH, for this process and whatever it starts. */
export function useTools(): void {
  const path = (process.env.PATH ?? "").split(delimiter);
  const missing = [toolsFolder, dirname(process.execPath)].filter((folder) => !path.includes(folder));
  process.env.PATH = [...missing, ...path].join(delimiter);
}

export async function openSession(
  choice: { network?: string | undefined; root?: string | undefined } = {},
): Promise<Session> {
  const root = choice.root ?? projectRoot();
  useTools();
  const network = choice.network ?? (await chosenNetwork(root));
  const { takeOverEdits } = await import("../devnet/edited-stacks.ts");
  for (const said of takeOverEdits(root, network)) process.stderr.write(`${printable(said)}\n`);
  const environment = await networkEnvironment(root, network);
  Object.assign(process.env, environment.common);
  const stacksDir = process.env.QUORATE_STACKS_DIR || join(root, "stacks");
  // The party program reads the same files, in this process or in one that the engine starts.
  process.env.QUORATE_STACKS_DIR = stacksDir;
  const known = await listNetworks(stacksDir);
  if (!known.includes(network))
    throw new OperatorError({
      code: "NETWORK_UNKNOWN",
      what: `there is no network "${network}" here`,
      found:
        known.length > 0
          ? `manifests of ${known.join(", ")} in ${join(stacksDir, "networks")}`
          : `no manifest in ${join(stacksDir, "networks")}`,
      expected: `${join(stacksDir, "networks", `${network}.yaml`)}`,
      next: known.length > 0 ? `npx quorate use ${known[0]}` : "write the network's manifest",
    });
  const { manifest, digest } = await readManifest(join(stacksDir, "networks", `${network}.yaml`));
  return {
    root,
    network,
    stacksDir,
    manifest,
    manifestDigest: digest,
    ready: async () => await (await import("../devnet/ready.ts")).devnetReady(root, manifest),
    partyEnv: (partyId) => environment.parties[String(partyId)] ?? {},
  };
}

/** The network that a command is about which names none. */
export async function chosenNetwork(root: string): Promise<string> {
  const fromEnvironment = process.env.QUORATE_NETWORK;
  if (fromEnvironment) return fromEnvironment;
  const current = await readIfThere(join(root, ".quorate", "current"));
  if (current !== undefined && current.trim() !== "") return current.trim();
  const known = await listNetworks(join(root, "stacks"));
  if (known.length === 1 && known[0] !== undefined) return known[0];
  throw new OperatorError({
    code: "NETWORK_NOT_CHOSEN",
    what: "which network is this about?",
    found:
      known.length === 0
        ? `no manifest in ${join(root, "stacks", "networks")}`
        : `manifests of ${known.join(", ")}, and none chosen`,
    expected: "--network <name>, QUORATE_NETWORK, or a choice made before",
    next: `npx quorate use ${known[0] ?? "<network>"}`,
  });
}

async function networkEnvironment(root: string, network: string): Promise<z.infer<typeof NetworkEnvironment>> {
  const file = join(root, ".quorate", "env", `${network}.json`);
  const text = await readIfThere(file);
  if (text === undefined) return { common: {}, parties: {} };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new OperatorError(
      {
        code: "ENVIRONMENT_INVALID",
        what: `${file} is not JSON`,
        found: String(cause),
        expected: "what `npx quorate devnet up` writes there",
        next: `remove ${file}, or mend it`,
      },
      { cause },
    );
  }
  return parse(NetworkEnvironment, value, {
    code: "ENVIRONMENT_INVALID",
    what: `${file} does not hold a network's environment`,
    next: `remove ${file}, or mend it`,
  });
}
