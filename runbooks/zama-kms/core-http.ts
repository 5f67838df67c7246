import { type Answer, seen, unknown } from "../../contract/answer.ts";
import { type CorePath, corePaths, HttpReply, type HttpRequest } from "../../contract/core-http.ts";
import { readJson } from "../../contract/json-text.ts";
import type { PartyOutputs } from "../../contract/party-outputs.ts";
import { ask } from "../ask.ts";
import { classifyFailure } from "../command.ts";
import type { CommandResult, PartyAccess } from "../context.ts";
import { execProber } from "../network/observe.ts";
import { redactor } from "../redact.ts";

/** One page of the core's metrics port. Without secrets. */
export interface CorePage {
  status: number;
  text: string;
  /** What came after is left out. */
  truncated: boolean;
}

export interface CorePages {
  pages: Record<CorePath, Answer<CorePage>>;
  /** The running configuration, out of the text in which the core wraps it. */
  config: Answer<unknown>;
}

/** Reaching the API server, starting Node in the pod, printing. */
const execSlackMs = 5_000;
const maxPageBytes = 2 ** 20;

/** Arguments of kubectl that read pages of the core's metrics port from the prober's pod; what is asked goes to standard input. */
export function pagesCommand(outputs: PartyOutputs): string[] {
  return [...execProber(outputs), "node", "prober.mjs", "http"];
}

/** All pages of the core, from the prober's pod and from nowhere else. Never throws because of what a cluster does. */
export async function readCorePages(
  party: PartyAccess,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<CorePages> {
  const { namespace, services, ports } = party.outputs;
  const request: HttpRequest = {
    contract: "http/v1",
    host: `${services.core}.${namespace}.svc.cluster.local`,
    port: ports.metrics,
    timeoutMs: Math.min(60_000, Math.max(50, timeoutMs)),
    maxBytes: maxPageBytes,
    paths: [...corePaths],
  };
  const options = { stdin: JSON.stringify(request), timeoutMs: timeoutMs + execSlackMs, signal };
  const answered = repliedIn(await ask(party, pagesCommand(party.outputs), { ...options, unrecorded: true }));
  const pageOf = (path: CorePath): Answer<CorePage> => {
    if (answered.status === "unknown") return answered;
    const answer = answered.value.answers.find((one) => one.path === path);
    if (answer === undefined) return unknown(`the prober left out ${path}`);
    if (answer.outcome === "silent") return unknown(`${answer.code}: ${answer.detail}`);
    const { status, text, truncated } = answer;
    return seen({ status, text, truncated });
  };
  const found = Object.fromEntries(corePaths.map((path) => [path, pageOf(path)])) as CorePages["pages"];
  const config = documentOf(found["/config"]);
  // As text the configuration would be JSON within JSON, in which a secret's name and value are hard to tell apart.
  const configPage =
    config.status === "seen" ? textOf(found["/config"], JSON.stringify(config.value)) : found["/config"];
  const pages = Object.fromEntries(
    corePaths.map((path) => [path, path === "/config" ? redact(configPage) : redact(found[path])]),
  ) as CorePages["pages"];
  return { pages, config };
}

const redact = redactor([], { named: true });

function textOf(page: Answer<CorePage>, text: string): Answer<CorePage> {
  return page.status === "seen" ? seen({ ...page.value, text }) : page;
}

/** The JSON of a page, and where that is but a text with JSON in it, the inner one. */
function documentOf(page: Answer<CorePage>): Answer<unknown> {
  if (page.status === "unknown") return page;
  const { status, text, truncated } = page.value;
  if (status !== 200) return unknown(`the core answered with HTTP status ${status}`);
  if (truncated) return unknown(`its answer is longer than ${maxPageBytes} bytes`);
  try {
    const outer: unknown = JSON.parse(text);
    return seen(redact(typeof outer === "string" ? JSON.parse(outer) : outer));
  } catch (failure) {
    if (failure instanceof SyntaxError) return unknown("the core's answer is not JSON");
    throw failure;
  }
}

function repliedIn(result: CommandResult | { reason: string }): Answer<HttpReply> {
  if ("reason" in result) return unknown(result.reason);
  const failure = classifyFailure(result);
  if (failure !== null && /^usage: node prober\.mjs/m.test(result.stderr))
    return unknown("the prober there is of an earlier release, which can not ask for this: npx quorate up brings it");
  if (failure !== null) return unknown(`prober: ${failure.reason}`);
  const reply = HttpReply.safeParse(readJson(result.stdout));
  return reply.success ? seen(reply.data) : unknown("the prober's answer cannot be read");
}
