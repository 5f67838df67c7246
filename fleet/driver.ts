import { join } from "node:path";
import type { EngineEvent, OpMap, PulumiCommand, Stack, StepEventMetadata } from "@pulumi/pulumi/automation/index.js";
import { OperatorError, type Problem } from "../contract/operator-error.ts";
import { partyTags } from "../stacks/project.ts";
import { type ChangedValue, changedValues } from "./changed-values.ts";
import { lacksCheckpoint, readCheckpoint } from "./checkpoint.ts";
import { engineError } from "./engine-error.ts";
import { EngineStackFile, prepareEngineFolder } from "./engine-folder.ts";
import { adoptInterruptedCreates, interruptedCreates, isInterrupted } from "./interrupted-creates.ts";
import { engineStop, interrupted } from "./interruption.ts";
import type { PartyStack } from "./party-stacks.ts";
import { type PolicyFinding, type PolicySource, policyFinding } from "./policy-violation.ts";
import { breakLock, lockState, locksNamedIn, type StackLock } from "./stack-lock.ts";
import { refuseTwin } from "./stack-twins.ts";
import { stateDesk } from "./state-desk.ts";

/** What an operator may want to see while the engine works. */
export type FleetEvent =
  | { kind: "resource"; operation: string; type: string; urn: string }
  | { kind: "diagnostic"; severity: string; message: string };

/** How many resources of one party would change, or did. Operations are the engine's: create, update, same, delete, replace. */
export interface Changes {
  partyId: number;
  stackName: string;
  counts: Partial<Record<string, number>>;
  /** Resources that would change, in the engine's order. */
  resources: ChangedResource[];
  /** What the policies say. With a violation among them the engine stopped, and nothing is known of what comes after. */
  policies: PolicyFinding[];
  /** Why the stack file could not be given what the engine adds to it, after an update that is finished. */
  unwritten?: Problem;
  durationMs: number;
}

/** One resource that would change, or did. */
export interface ChangedResource {
  operation: string;
  type: string;
  name: string;
  /** What an update changes in it; of what is made or removed as a whole, nothing. */
  changes: ChangedValue[];
  /** How many more changes there are. */
  changesLeftOut: number;
}

export interface FleetOptions {
  /** Project root: where `.quorate/` lies. */
  root: string;
  network: string;
  stacksDir: string;
  /** How many stacks the engine works on at once. @default 4 */
  width?: number;
  /** Stops the engine in order: what it has begun is finished and written down. */
  signal?: AbortSignal;
  /** Rules that every preview and update is held against. @default none */
  policies?: PolicySource;
  /** Throws unless what the network stands on is there; asked before anything is made or started. */
  ready?(): Promise<void>;
}

/** What a stack's state is settled with. */
interface Settling {
  configFile: string;
  listen(event: EngineEvent): void;
  tell(message: string): void;
  /** Throws where the party has another stack; asks all of them once, however often it is called. */
  refuseTwinOnce(): Promise<void>;
}

/** All that the engine says of itself where policies refuse a stack. */
const failed = /^(preview|update) failed\s*$/;

/** How long to wait for another engine of this machine on the same stack. */
const lockPatienceMs = 120_000;

/** Runs the party program through the real engine, one stack per party, from this process. */
export class Fleet {
  readonly #options: FleetOptions;
  #command: Promise<PulumiCommand> | undefined;
  #preparedWorkDir: Promise<string> | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  async preview(party: PartyStack, onEvent: (event: FleetEvent) => void = () => {}): Promise<Changes> {
    return await this.#run("preview", party, onEvent);
  }

  async up(party: PartyStack, onEvent: (event: FleetEvent) => void = () => {}): Promise<Changes> {
    return await this.#run("up", party, onEvent);
  }

  /** Where commands of the engine's CLI about this network can run. */
  async workDir(): Promise<string> {
    this.#preparedWorkDir ??= this.#prepareWorkDir();
    return await this.#preparedWorkDir;
  }

  async #run(operation: "preview" | "up", party: PartyStack, onEvent: (event: FleetEvent) => void): Promise<Changes> {
    let refusal: OperatorError | undefined;
    let unwritten: OperatorError | undefined;
    const file = await EngineStackFile.prepare(await this.workDir(), party.stackName, party.configPath);
    const stack = await this.#stack(party, file, (problem) => {
      refusal = problem;
    });
    const started = performance.now();
    const resources: Changes["resources"] = [];
    const errors: string[] = [];
    const policies: PolicyFinding[] = [];
    let counts: OpMap | undefined;
    const tell = (message: string) => onEvent({ kind: "diagnostic", severity: "warning", message });
    const stop = engineStop(this.#options.signal);
    const listen = (event: EngineEvent) => {
      stop.engineRuns();
      const metadata = event.resourcePreEvent?.metadata;
      if (metadata && isCounted(metadata)) {
        onEvent({ kind: "resource", operation: metadata.op, type: metadata.type, urn: metadata.urn });
        if (!quietOperations.has(metadata.op)) resources.push(changedResource(metadata));
      }
      const diagnostic = event.diagnosticEvent;
      if (diagnostic && !diagnostic.ephemeral) {
        const message = plainText(diagnostic.message);
        if (diagnostic.severity === "error") errors.push(message);
        onEvent({ kind: "diagnostic", severity: diagnostic.severity, message });
      }
      if (event.policyEvent) policies.push(policyFinding(party.partyId, event.policyEvent));
      if (event.summaryEvent) counts = event.summaryEvent.resourceChanges as OpMap;
    };
    let twins: Promise<void> | undefined;
    const refuseTwinOnce = async () => {
      twins ??= refuseTwin(stack, party);
      await twins;
    };
    try {
      const act = async () => {
        const options = {
          onEvent: listen,
          configFile: file.path,
          suppressProgress: true,
          color: "never" as const,
          policyPacks: this.#options.policies ? [this.#options.policies.pack] : [],
          signal: stop.signal,
        };
        await this.#settleInterrupted(operation, stack, party, { configFile: file.path, listen, tell, refuseTwinOnce });
        this.#options.signal?.throwIfAborted();
        unwritten = await file.during(operation, async () => {
          if (operation === "preview") await stack.preview(options);
          else await stack.up(options);
        });
      };
      const create = async () => {
        await refuseTwinOnce();
        await stack.workspace.createStack(party.stackName);
        await file.takeOver();
      };
      await this.#whenUnlocked(party, tell, async () => {
        // A refusal of the engine before it begins is not what an operator should read once it has worked.
        errors.length = 0;
        policies.length = 0;
        await whenStackExists(party, create, act);
      });
      // Nobody may take a preview for a yes who was about to say no.
      if (operation === "preview") this.#options.signal?.throwIfAborted();
    } catch (failure) {
      if (this.#options.signal?.aborted) throw interrupted(operation, party, this.#options.signal);
      if (failure instanceof OperatorError) throw failure;
      if (refusal !== undefined) throw refusal;
      // A violation is an answer, not a failure of the engine.
      const isAnswer =
        errors.every((text) => failed.test(text)) && policies.some(({ code }) => code === "POLICY_VIOLATED");
      if (!isAnswer) throw engineError(operation, party, errors, failure);
    }
    return {
      partyId: party.partyId,
      stackName: party.stackName,
      counts: { ...counts },
      resources,
      policies,
      ...(unwritten && {
        unwritten: {
          ...unwritten.problem,
          next: `${unwritten.problem.next}; then npx quorate up --party ${party.partyId}`,
        },
      }),
      durationMs: Math.round(performance.now() - started),
    };
  }

  /** An engine that was killed leaves its lock behind, and one that lost us only ends a little later. */
  async #whenUnlocked(party: PartyStack, tell: (message: string) => void, act: () => Promise<void>): Promise<void> {
    const deadline = Date.now() + lockPatienceMs;
    for (;;) {
      try {
        return await act();
      } catch (failure) {
        const locks = locksNamedIn(String(failure));
        if (locks.length === 0) throw failure;
        for (const lock of locks) await waitForLock(lock, party, deadline, tell, this.#options.signal);
      }
    }
  }

  /** What an engine that was killed made without writing it down belongs to the stack before anything else happens to it. */
  async #settleInterrupted(
    operation: "preview" | "up",
    stack: Stack,
    party: PartyStack,
    { configFile, listen, tell, refuseTwinOnce }: Settling,
  ): Promise<void> {
    const desk = stateDesk(stack, { configFile, onEvent: listen });
    const state = (await readCheckpoint(party.stackName)) ?? (await desk.export()).deployment;
    // A stack that is there may be empty still: each preview of a new name leaves one behind.
    if ((state.resources ?? []).length === 0) await refuseTwinOnce();
    if (!isInterrupted(state)) return;
    if (operation === "preview") {
      const count = interruptedCreates(state).length;
      if (count > 0)
        tell(`an engine was killed while it made ${count} resources: \`up\` takes over those of them that are there`);
      return;
    }
    const { config, partyId } = party;
    const { awsProfile: profile, region, accountId, network } = config;
    await adoptInterruptedCreates(desk, {
      partyId,
      place: { profile, region, accountId, tags: partyTags(network, partyId) },
      tell,
    });
  }

  /** `onRefusal` gets what the party program refuses in its own parts; the engine hands on its text alone. */
  async #stack(party: PartyStack, file: EngineStackFile, onRefusal: (problem: OperatorError) => void): Promise<Stack> {
    const { LocalWorkspace, Stack } = await automation();
    this.#command ??= findEngine();
    // Told where it is waited for: before that the program is loaded, and by then nobody would have taken the failure.
    this.#command.catch(() => {});
    const { program } = await import("../stacks/program.ts");
    const workspace = await LocalWorkspace.create({
      workDir: file.folder,
      program: async () => {
        try {
          return await program();
        } catch (failure) {
          if (failure instanceof Error && failure.cause instanceof OperatorError) onRefusal(failure.cause);
          throw failure;
        }
      },
      pulumiCommand: await this.#command,
      envVars: {
        PULUMI_SKIP_UPDATE_CHECK: "true",
        ...(this.#options.policies?.port ? { QUORATE_POLICY_PORT: String(this.#options.policies.port) } : {}),
      },
    });
    // Every command names its stack, so the selection that the constructor would make is not needed.
    workspace.selectStack = async () => {};
    const stack = await Stack.select(party.stackName, workspace);
    // After each `up` it would start the engine's CLI three times more, for outputs and a history that nobody here reads.
    stack.outputs = async () => ({});
    stack.info = async () => undefined;
    return stack;
  }

  /** The engine's working folder of one network: its project file points to wherever the network's stack files lie. */
  async #prepareWorkDir(): Promise<string> {
    await this.#options.ready?.();
    const folder = join(this.#options.root, ".quorate", "engine", this.#options.network);
    return await prepareEngineFolder(folder, this.#options.stacksDir);
  }
}

/** Selecting a stack first would cost one more start of the engine's CLI; only a stack that is not there yet pays for it. */
async function whenStackExists(
  party: PartyStack,
  create: () => Promise<void>,
  act: () => Promise<void>,
): Promise<void> {
  if (lacksCheckpoint(party.stackName))
    await create().catch((failure: unknown) => {
      // In an older layout of the backend its checkpoint lies elsewhere; and another command may be faster.
      if (!/already exists/i.test(String(failure))) throw failure;
    });
  try {
    await act();
  } catch (failure) {
    if (!/no stack named|stack '.*' not found|unknown stack/i.test(String(failure))) throw failure;
    await create();
    await act();
  }
}

/** What changes nothing, and the two halves of a `replace`, which has an event of its own. */
const quietOperations: ReadonlySet<string> = new Set(["same", "read", "create-replacement", "delete-replaced"]);

/** Whether the engine counts a resource in its summary: the providers that it makes up by itself are not in it. */
export function isCounted({ type, urn }: { type: string; urn: string }): boolean {
  return !(type.startsWith("pulumi:providers:") && urn.split("::").at(-1)?.startsWith("default"));
}

function changedResource(metadata: StepEventMetadata): ChangedResource {
  const isWhole = metadata.op === "create" || metadata.op === "delete";
  const { values, leftOut } = isWhole ? { values: [], leftOut: 0 } : changedValues(metadata);
  return {
    operation: metadata.op,
    type: metadata.type,
    name: metadata.urn.split("::").at(-1) ?? metadata.urn,
    changes: values,
    changesLeftOut: leftOut,
  };
}

/** Returns once the lock is gone: released, or broken because its engine is dead. */
async function waitForLock(
  lock: StackLock,
  party: PartyStack,
  deadline: number,
  tell: (message: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  for (let round = 0; ; round++) {
    signal?.throwIfAborted();
    const state = await lockState(lock);
    if (state === "released") return;
    if (state === "dead") {
      tell(`removing the lock of process ${lock.pid}, which was killed while it worked on stack ${party.stackName}`);
      return await breakLock(lock);
    }
    if (state === "elsewhere" || Date.now() > deadline)
      throw new OperatorError({
        code: "STACK_LOCKED",
        what: `party ${party.partyId}: another engine is at work on stack ${party.stackName}`,
        found: `process ${lock.pid} of ${lock.owner}, since ${lock.takenAt.toISOString()}`,
        expected: "one engine at a time on a stack",
        next:
          state === "alive"
            ? `wait for process ${lock.pid} to end, then try again`
            : `ask ${lock.owner}; if that process is dead: pulumi cancel --stack ${party.stackName}`,
        exitCode: 3,
      });
    if (round === 0) tell(`waiting for process ${lock.pid}, which works on stack ${party.stackName}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function automation() {
  return await import("@pulumi/pulumi/automation/index.js");
}

async function findEngine(): Promise<PulumiCommand> {
  const { PulumiCommand } = await automation();
  try {
    return await PulumiCommand.get({ skipVersionCheck: true });
  } catch (cause) {
    throw new OperatorError(
      {
        code: "ENGINE_MISSING",
        what: "the pulumi engine is not on PATH and not in .tools/bin",
        found: cause instanceof Error ? cause.message : String(cause),
        expected: "pulumi of the pinned version",
        next: "npx quorate setup",
      },
      { cause },
    );
  }
}

/** The engine's own words, without its colour marks. */
function plainText(message: string): string {
  return message.replace(/<\{%[a-z ]*%\}>/gi, "").trimEnd();
}
