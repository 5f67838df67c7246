import { z } from "zod";
import { type Answer, mapped } from "../../contract/answer.ts";
import { readJson } from "../../contract/json-text.ts";
import { ask } from "../ask.ts";
import { classifyFailure } from "../command.ts";
import type { PartyAccess } from "../context.ts";

type Asking = { timeoutMs: number; signal: AbortSignal };

const List = z.object({
  items: z.array(z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string() }) })),
});

/** What one `get` of several kinds printed, asked kind by kind: one that may not be listed takes none of the others along. */
export class Objects {
  readonly #items: z.infer<typeof List>["items"];
  readonly #whyNot: (kind: string) => string | null;
  /** Why there was no answer at all; null where there was one. */
  readonly silence: string | null;

  constructor(
    items: z.infer<typeof List>["items"],
    whyNot: (kind: string) => string | null,
    silence: string | null = null,
  ) {
    this.#items = items;
    this.#whyNot = whyNot;
    this.silence = silence;
  }

  static none(reason: string): Objects {
    return new Objects([], () => reason, reason);
  }

  #of(kind: string): Answer<z.infer<typeof List>["items"]> {
    const reason = this.#whyNot(kind);
    const value = this.#items.filter((item) => item.kind === kind);
    return reason === null ? { status: "seen", value } : { status: "unknown", reason };
  }

  names(kind: string): Answer<string[]> {
    return mapped(this.#of(kind), (items) => items.map(({ metadata }) => metadata.name));
  }

  all<T extends z.ZodType>(kind: string, schema: T): Answer<z.output<T>[]> {
    const items = this.#of(kind);
    if (items.status === "unknown") return items;
    const parsed = z.array(schema).safeParse(items.value);
    return parsed.success
      ? { status: "seen", value: parsed.data }
      : { status: "unknown", reason: `kubectl printed a ${kind} that can not be read` };
  }

  /** Null where there is none of that name. */
  named<T extends z.ZodType>(kind: string, name: string, schema: T): Answer<z.output<T> | null> {
    const items = this.#of(kind);
    if (items.status === "unknown") return items;
    const item = items.value.find(({ metadata }) => metadata.name === name);
    if (item === undefined) return { status: "seen", value: null };
    const parsed = schema.safeParse(item);
    return parsed.success
      ? { status: "seen", value: parsed.data }
      : { status: "unknown", reason: `kubectl printed a ${kind} that can not be read` };
  }
}

/** One `get` of several kinds. Never throws because of what a cluster does. */
export async function askForObjects(party: PartyAccess, args: string[], asking: Asking): Promise<Objects> {
  const result = await ask(party, args, asking);
  if ("reason" in result) return Objects.none(result.reason);
  const failure = classifyFailure(result);
  const list = result.ended === undefined || result.ended === "exited" ? listIn(result.stdout) : null;
  if (list === null) return Objects.none(failure?.reason ?? "kubectl printed no list of objects");
  if (failure === null) return new Objects(list, () => null);
  const refused = refusals(result.stderr);
  return new Objects(list, (kind) => {
    // Of a failure that names no kind nobody knows which it took along.
    if (refused.size === 0) return failure.reason;
    return refused.get(pluralOf(kind)) ?? null;
  });
}

function pluralOf(kind: string): string {
  const name = kind.toLowerCase();
  return name.endsWith("y") ? `${name.slice(0, -1)}ies` : `${name}s`;
}

/** Kinds that the caller may not list, and the API server's word on each. */
function refusals(stderr: string): Map<string, string> {
  const lines = stderr.split("\n").flatMap((line): [string, string][] => {
    const [, resource] = /cannot (?:list|get) resource "([a-z]+)"/.exec(line) ?? [];
    return resource === undefined ? [] : [[resource, `the caller may not list ${resource}`]];
  });
  const others = stderr.split("\n").filter((line) => line.trim() !== "" && !/cannot (?:list|get) resource/.test(line));
  return others.length > 0 ? new Map() : new Map(lines);
}

function listIn(text: string): z.infer<typeof List>["items"] | null {
  return List.safeParse(readJson(text)).data?.items ?? null;
}
