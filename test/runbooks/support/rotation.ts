import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { manifestDigest } from "../../../contract/manifest-digest.ts";
import { NetworkManifest } from "../../../contract/network-manifest.ts";
import type { PartyAccess } from "../../../runbooks/context.ts";
import type { GivenContext } from "../../../runbooks/plan.ts";
import { type Risk, runbook, step } from "../../../runbooks/runbook.ts";
import { rawManifest } from "../../support/network.ts";
import { noBaselines, noHalves, noVaults } from "./no-peers.ts";

/** A world that a runbook changes: it outlives the process that changes it. */
export interface World {
  read: number;
  rotated: number;
  label: string | null;
}

export class WorldFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async look(): Promise<World> {
    return JSON.parse(await readFile(this.path, "utf8"));
  }

  async change(how: (world: World) => void): Promise<void> {
    const world = await this.look();
    how(world);
    await writeFile(this.path, JSON.stringify(world));
  }

  static async create(path: string): Promise<WorldFile> {
    await writeFile(path, JSON.stringify({ read: 0, rotated: 0, label: null } satisfies World));
    return new WorldFile(path);
  }
}

export interface RotationOptions {
  risk?: Risk;
  /** The `once` step cannot ask the world whether it happened. */
  blind?: boolean;
  /** Called inside a step, after it acted. */
  afterAct?: (step: string, signal: AbortSignal) => Promise<void> | void;
  /** How long the first step takes. */
  slowMs?: number;
}

/** A runbook with one step of each kind of repetition. */
export function rotation(world: WorldFile, options: RotationOptions = {}) {
  const acted = async (id: string, signal: AbortSignal) => {
    if (options.slowMs && id === "look") await sleep(options.slowMs, undefined, { signal });
    await options.afterAct?.(id, signal);
  };
  return runbook({
    name: "rotate-label",
    summary: "Rotate the key once and label it.",
    risk: options.risk ?? "reversible",
    systems: ["zama-kms"],
    inputs: z.strictObject({ label: z.string().default("blue"), note: z.string().optional() }),
    plan: ({ inputs }) => [
      step({
        id: "look",
        does: "look at the key",
        repeat: "safe",
        evidence: z.strictObject({ seen: z.boolean() }),
        run: async ({ signal }) => {
          await acted("look", signal);
          return { seen: true };
        },
      }),
      step({
        id: "rotate",
        does: "rotate the key",
        target: "key of party 3",
        commands: ["aws kms rotate-key-on-demand --key-id alias/party-3"],
        repeat: "once",
        ...(options.blind
          ? {}
          : {
              done: async () =>
                (await world.look()).rotated > 0
                  ? { done: true as const, why: "the key was rotated already", evidence: { rotations: 1 } }
                  : { done: false as const },
            }),
        evidence: z.strictObject({ rotations: z.int() }),
        run: async ({ signal }) => {
          await world.change((it) => {
            it.rotated += 1;
          });
          await acted("rotate", signal);
          return { rotations: (await world.look()).rotated };
        },
      }),
      step({
        id: "label",
        does: `label it ${inputs.label}`,
        repeat: "check-first",
        done: async () =>
          (await world.look()).label === inputs.label
            ? { done: true, why: `the label is ${inputs.label} already`, evidence: { label: inputs.label } }
            : { done: false },
        evidence: z.strictObject({ label: z.string() }),
        run: async ({ signal }) => {
          await world.change((it) => {
            it.label = inputs.label;
          });
          await acted("label", signal);
          return { label: inputs.label };
        },
      }),
    ],
  });
}

export function given(parties: PartyAccess[] = [], signal = new AbortController().signal): GivenContext {
  const manifest = NetworkManifest.parse(rawManifest());
  return {
    manifest,
    manifestDigest: manifestDigest(manifest),
    parties,
    clock: { now: () => new Date() },
    readHalf: noHalves,
    readPublished: noVaults,
    baseline: noBaselines,
    signal,
    progress: () => {},
  };
}
