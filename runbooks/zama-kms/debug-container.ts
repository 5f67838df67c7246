import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { type Answer, seen, unknown } from "../../contract/answer.ts";
import { readJson } from "../../contract/json-text.ts";
import { run } from "../ask.ts";
import { classifyFailure } from "../command.ts";
import type { PartyAccess } from "../context.ts";
import { wrap } from "../report-text.ts";

/**
 * What an ephemeral container prints of the core's node: the core's image has neither shell nor `ls`. Huge pages and the CPUs that the allocator set
 * aside are the node's, in whichever container one looks.
 */
const look = `
const fs = require("node:fs");
const text = (path) => { try { return fs.readFileSync(path, "utf8").trim(); } catch (error) { return error.code; } };
const device = (path) => { try { return { path, isDevice: fs.statSync(path).isCharacterDevice() }; } catch (error) { return { path, error: error.code }; } };
const pages = "/sys/kernel/mm/hugepages";
const kinds = (() => { try { return fs.readdirSync(pages); } catch { return []; } })();
console.log(JSON.stringify({
  date: new Date().toISOString(),
  device: device("/dev/nitro_enclaves"),
  allocatorCpus: text("/sys/module/nitro_enclaves/parameters/ne_cpus"),
  hugepages: Object.fromEntries(kinds.map((kind) => [kind, { all: text(pages + "/" + kind + "/nr_hugepages"), free: text(pages + "/" + kind + "/free_hugepages") }])),
  onlineCpus: text("/sys/devices/system/cpu/online"),
  kernel: text("/proc/sys/kernel/osrelease"),
}));`;

const Named = z.looseObject({ name: z.string() });
const PodObject = z.looseObject({
  kind: z.literal("Pod"),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    volumes: z
      .array(z.looseObject({ name: z.string(), hostPath: z.looseObject({ path: z.string() }).optional() }))
      .optional(),
    ephemeralContainers: z.array(Named).optional(),
  }),
  status: z
    .looseObject({
      ephemeralContainerStatuses: z
        .array(
          z.looseObject({
            name: z.string(),
            state: z
              .looseObject({
                terminated: z.looseObject({}).nullish(),
                running: z.looseObject({}).nullish(),
                waiting: z.looseObject({ reason: z.string().optional(), message: z.string().optional() }).nullish(),
              })
              .optional(),
          }),
        )
        .optional(),
    })
    .optional(),
});
const Prober = z.object({
  spec: z.object({
    template: z.object({ spec: z.object({ containers: z.array(z.object({ image: z.string() })).min(1) }) }),
  }),
});

type Asking = { timeoutMs: number; signal: AbortSignal };

/** What would be done, for whoever is asked before it is. */
export interface DebugPlan {
  partyId: number;
  namespace: string;
  pod: string;
  container: string;
  image: string;
}

/** Which container would be added to the core's pod. Changes nothing. */
export async function planDebugContainer(party: PartyAccess, id: string, asking: Asking): Promise<Answer<DebugPlan>> {
  const { partyId, namespace, workload } = party.outputs;
  const args = ["get", "deployment", workload.prober, "--namespace", namespace, "--output", "json"];
  const prober = await object(party, args, Prober, asking);
  if (prober.status === "unknown") return prober;
  const [{ image } = { image: "" }] = prober.value.spec.template.spec.containers;
  return seen({ partyId, namespace, pod: workload.pod, container: `quorate-debug-${id}`, image });
}

export function describeDebugPlan(
  { partyId, namespace, pod, container, image }: DebugPlan,
  columns = Number.POSITIVE_INFINITY,
): string {
  const field = " ".repeat(11);
  return [
    ...wrap(`party ${partyId}: adds the ephemeral container ${container} to pod ${pod} in ${namespace}`, columns, "  "),
    `  image    ${image}`,
    ...wrap("           the prober's", columns, field),
    ...wrap(
      "  does     looks at the enclave device, the allocator's CPUs, huge pages and the clock of the node, then ends",
      columns,
      field,
    ),
    ...wrap(
      "  risk     reversible: the core goes on; the ended container stands in the pod until the pod is made anew",
      columns,
      field,
    ),
  ].join("\n");
}

/** Adds the container that was planned, waits for its end, and gives what it saw. Never throws because of what a cluster does. */
export async function runDebugContainer(
  party: PartyAccess,
  plan: DebugPlan,
  asking: Asking,
  betweenMs = 1_000,
): Promise<Answer<unknown>> {
  const { namespace, pod: name, container } = plan;
  const getPod = ["get", "pod", name, "--namespace", namespace, "--output", "json"];
  const pod = await object(party, getPod, PodObject, asking);
  if (pod.status === "unknown") return pod;
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/ephemeralcontainers`;
  const replace = ["replace", "--raw", path, "--filename", "-"];
  const added = await run(party, replace, { ...asking, stdin: JSON.stringify(withContainer(pod.value, plan)) });
  if ("reason" in added) return unknown(added.reason);
  const failure = classifyFailure(added);
  if (failure !== null) return unknown(failure.reason);
  const until = performance.now() + asking.timeoutMs;
  for (;;) {
    const now = await object(party, getPod, PodObject, asking);
    const status =
      now.status === "seen"
        ? now.value.status?.ephemeralContainerStatuses?.find((each) => each.name === container)
        : undefined;
    if (status?.state?.terminated) break;
    if (asking.signal.aborted) return unknown("interrupted");
    if (performance.now() > until)
      return unknown(`${container} did not end within ${asking.timeoutMs / 1000} s: ${standing(status)}`);
    await pause(betweenMs);
  }
  const logs = ["logs", name, "--namespace", namespace, "--container", container, "--limit-bytes=65536"];
  return await object(party, logs, z.unknown(), asking);
}

type Status = NonNullable<NonNullable<z.infer<typeof PodObject>["status"]>["ephemeralContainerStatuses"]>[number];

function standing(status: Status | undefined): string {
  const { waiting, running } = status?.state ?? {};
  if (running) return "it runs";
  if (waiting?.reason === undefined) return "the node has not begun it";
  return `${waiting.reason}${waiting.message ? `, ${waiting.message.slice(0, 200)}` : ""}`;
}

function withContainer(pod: z.infer<typeof PodObject>, { container, image }: DebugPlan): unknown {
  const device = pod.spec.volumes?.find(({ hostPath }) => hostPath?.path === "/dev/nitro_enclaves");
  const added = {
    name: container,
    image,
    command: ["node", "-e", look],
    terminationMessagePolicy: "File",
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    ...(device && { volumeMounts: [{ name: device.name, mountPath: "/dev/nitro_enclaves", readOnly: true }] }),
  };
  return { ...pod, spec: { ...pod.spec, ephemeralContainers: [...(pod.spec.ephemeralContainers ?? []), added] } };
}

async function object<T extends z.ZodType>(
  party: PartyAccess,
  args: string[],
  schema: T,
  asking: Asking,
): Promise<Answer<z.output<T>>> {
  const result = await run(party, args, asking);
  if ("reason" in result) return unknown(result.reason);
  const failure = classifyFailure(result);
  if (failure !== null) return unknown(failure.reason);
  const value = readJson(result.stdout);
  if (value === undefined) return unknown("what was printed is not JSON");
  const parsed = schema.safeParse(value);
  return parsed.success ? seen(parsed.data) : unknown("kubectl printed an object that can not be read");
}
