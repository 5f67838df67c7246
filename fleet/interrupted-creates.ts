import { OperatorError } from "../contract/operator-error.ts";
import type { StackState, StateResource } from "./checkpoint.ts";
import { findCreated, type Place } from "./created-resource.ts";

/** A stack's state as the engine exports it, to be given back as it is but for what was decided about. */
export interface StateExport {
  version: number;
  deployment: StackState;
}

/** What the engine can do with the state of one stack. */
export interface StateDesk {
  export(): Promise<StateExport>;
  /** The engine drops every note of an operation that was not finished from what it imports. */
  import(state: StateExport): Promise<void>;
  /** Reads these resources again from where they are; those that are not there leave the state. */
  refresh(urns: string[]): Promise<void>;
}

export interface Adoption {
  partyId: number;
  place: Place;
  tell(message: string): void;
  /** How long a resource may still be in the making. @default 30 minutes, more than EKS takes for a cluster */
  patienceMs?: number;
  /** @default 2 s */
  pollMs?: number;
}

/** Resources that an engine began to create and never wrote down as made, and those that were still in the making when last looked at. */
export function interruptedCreates({ resources = [], pending_operations = [] }: StackState): StateResource[] {
  const made = new Set(resources.map(({ urn }) => urn));
  const begun = pending_operations.flatMap(({ type, resource }) =>
    // A component is only a name for its resources: there is nothing of it that could have been made.
    type === "creating" && resource.custom === true && !made.has(resource.urn) ? [resource] : [],
  );
  return [...begun, ...resources.filter(isUnfinished)];
}

/** Whether there is anything to settle, if only a note of something that was made since. */
export const isInterrupted = (state: StackState): boolean =>
  state.pending_operations?.some(({ type }) => type === "creating") || interruptedCreates(state).length > 0;

const unfinished = "CREATING";
const isUnfinished = ({ custom, outputs, initErrors = [] }: StateResource): boolean =>
  custom === true && outputs?.status === unfinished && initErrors.length === 0;

/**
 * Takes what a killed engine had made into the state, and forgets what it had not: left alone, the next engine would make it a second time and
 * be told that it is there already. Resources that are still in the making are waited for. Nothing in the cloud changes. Ended halfway, it goes on
 * where it was when it is called again.
 *
 * @throws OperatorError INTERRUPTED_CREATE_FOREIGN, INTERRUPTED_CREATE_FAILED, INTERRUPTED_CREATE_UNFINISHED
 */
export async function adoptInterruptedCreates(desk: StateDesk, adoption: Adoption): Promise<void> {
  const { tell, place } = adoption;
  const before = await desk.export();
  const { resources = [], pending_operations: pending = [] } = before.deployment;
  const begun = interruptedCreates(before.deployment).filter((create) => !resources.includes(create));
  // The provider had answered, and the engine was killed before it moved the resource to the others: all of it is known.
  const answered = begun.filter(({ id }) => id !== undefined);
  const adopted: StateResource[] = [];
  for (const create of begun) {
    if (answered.includes(create)) continue;
    const known = (type: string) =>
      new Set(
        [...resources, ...answered, ...adopted].flatMap((each) => (each.type === type && each.id ? [each.id] : [])),
      );
    const found = await findCreated(create, place, known);
    if (found === "none") continue;
    // Until it was looked at, it counts as unfinished.
    if (found) adopted.push({ ...create, id: found.id, outputs: { ...create.inputs, status: unfinished } });
    else tell(`an engine was killed while it made ${labelOf(create)}: ${searchFor(create, place)}`);
  }
  if (pending.length > 0)
    await desk.import({
      ...before,
      deployment: {
        ...before.deployment,
        resources: [...resources, ...answered, ...adopted],
        pending_operations: [],
      },
    });
  const tellTaken = (create: StateResource) =>
    tell(`taking over ${labelOf(create)}: an engine was killed before it wrote down that it was made`);
  answered.forEach(tellTaken);
  const open = [...resources, ...answered].filter(isUnfinished).concat(adopted);
  if (open.length === 0) return;
  const there = await settled(desk, open, adoption);
  for (const create of open) {
    if (!there.has(create.urn)) tell(`${labelOf(create)} was not made before the engine was killed`);
    else if (!answered.includes(create)) tellTaken(create);
  }
}

/** Those that are there, once none of them is in the making any more. */
async function settled(
  desk: StateDesk,
  resources: StateResource[],
  { partyId, place, tell, patienceMs = 30 * 60_000, pollMs = 2000 }: Adoption,
): Promise<Set<string>> {
  const began = Date.now();
  const wanted = new Set(resources.map(({ urn }) => urn));
  let open = [...wanted];
  for (let round = 0; ; round++) {
    await desk.refresh(open);
    const state = await desk.export();
    const found = (state.deployment.resources ?? []).filter(({ urn }) => wanted.has(urn));
    const problems = new Map(
      found.flatMap((resource) => {
        const problem = problemOf(resource, { partyId, place });
        return problem ? [[resource.urn, problem] as const] : [];
      }),
    );
    const [first] = problems.values();
    if (first) {
      await desk.import(without(state, problems));
      throw first;
    }
    const left = found.filter(isUnfinished);
    if (left.length === 0) return new Set(found.map(({ urn }) => urn));
    const names = left.map(labelOf).join(", ");
    if (Date.now() - began > patienceMs)
      throw new OperatorError({
        code: "INTERRUPTED_CREATE_UNFINISHED",
        what: `party ${partyId}: still in the making after ${Math.round(patienceMs / 60_000)} minutes`,
        found: names,
        expected: "ACTIVE",
        next: `look it up in the AWS console; npx quorate up --party ${partyId} waits for it again`,
        exitCode: 1,
      });
    if (round === 0) tell(`waiting for ${names}, which a killed engine had begun to make`);
    open = left.map(({ urn }) => urn);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Why a resource can not be taken over. It leaves the state: what the engine takes for its own, it changes and deletes. */
function problemOf(
  resource: StateResource,
  { partyId, place }: { partyId: number; place: Place },
): OperatorError | undefined {
  const foreign = strangeTags(resource, place);
  if (foreign)
    return new OperatorError({
      code: "INTERRUPTED_CREATE_FOREIGN",
      what: `party ${partyId}: ${labelOf(resource)} is there, and is not what this stack began to make`,
      ...foreign,
      next: `give one of the two another name, or delete it, then npx quorate up --party ${partyId}`,
      exitCode: 3,
    });
  const status = `${resource.outputs?.status}`;
  if (!status.endsWith("FAILED")) return undefined;
  return new OperatorError({
    code: "INTERRUPTED_CREATE_FAILED",
    what: `party ${partyId}: ${labelOf(resource)} was being made when the engine was killed, and that failed`,
    found: `status ${status}`,
    expected: "ACTIVE",
    next: `look up why in the AWS console, delete it there, then npx quorate up --party ${partyId}`,
    exitCode: 1,
  });
}

const without = (state: StateExport, urns: ReadonlyMap<string, unknown>): StateExport => ({
  ...state,
  deployment: { ...state.deployment, resources: state.deployment.resources?.filter(({ urn }) => !urns.has(urn)) ?? [] },
});

/** Tags that this stack puts on everything, where a resource has tags and these are not among them: then someone else made it. */
function strangeTags({ outputs }: StateResource, { tags }: Place): { found: string; expected: string } | undefined {
  const found = outputs?.tagsAll as Readonly<Record<string, string>> | undefined;
  if (!found) return undefined;
  const strange = Object.keys(tags).filter((name) => found[name] !== tags[name]);
  const list = (from: Readonly<Record<string, string>>) =>
    strange.map((name) => `tag ${name} ${from[name] === undefined ? "missing" : `= ${from[name]}`}`).join(", ");
  return strange.length === 0 ? undefined : { found: list(found), expected: list(tags) };
}

const labelOf = ({ urn, type }: StateResource): string => `${urn.split("::").at(-1)} (${type})`;

const searchFor = ({ type }: StateResource, { profile, region }: Place): string => {
  const service = type.split(/[:/]/)[1];
  return `if it was made it stays behind unused, for another one is made now; look for it with aws resourcegroupstaggingapi get-resources --resource-type-filters ${service} --tag-filters Key=managed-by,Values=quorate --profile ${profile} --region ${region}`;
};
