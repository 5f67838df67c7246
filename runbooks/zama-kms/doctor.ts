import { z } from "zod";
import { DoctorReport } from "../../contract/doctor-report.ts";
import { OperatorError } from "../../contract/operator-error.ts";
import { classifyFailure } from "../command.ts";
import type { CommandResult, PartyAccess, RunbookContext } from "../context.ts";
import { observe, podsCommand } from "../network/observe.ts";
import { chosenParties, observeCommands, partiesInWords } from "../network/validate.ts";
import { redactor } from "../redact.ts";
import { runbook, step } from "../runbook.ts";
import { lookAtCertificates } from "./certificates.ts";
import { pagesCommand } from "./core-http.ts";
import { diagnose } from "./diagnose.ts";
import { DoctorSights } from "./doctor-sights.ts";
import { renderDoctorJunit, renderDoctorMarkdown, renderDoctorText } from "./doctor-text.ts";
import { clusterCommand, lookAtClusters, namespaceCommand } from "./look-at-cluster.ts";
import { lookCloser, quickLogsCommand } from "./look-closer.ts";

const Inputs = z.strictObject({
  symptom: z
    .string()
    .min(1)
    .max(4_000)
    // Pasted as it was found: plan, journal and report keep it.
    .overwrite(redactor([], { named: true }))
    .optional()
    .describe("what somebody says about it: a sentence, or a line of a log"),
  parties: z
    .array(z.coerce.number<number>().int().min(1))
    .min(1)
    .optional()
    .describe(
      "whom it is about (default all for which credentials are held); of others only what can be seen from here",
    ),
  timeoutMs: z.coerce
    .number<number>()
    .int()
    .min(50)
    .max(60_000)
    .default(5_000)
    .describe("deadline of each question, and of each link"),
});
type Inputs = z.output<typeof Inputs>;

/** Looks at everything that its caller may look at, and says what is the matter. It changes nothing. */
export default runbook({
  name: "doctor",
  summary:
    "Find what is wrong: look at links, clusters, certificates, logs and AWS at once, and name the causes, whose they are and what to do.",
  risk: "read-only",
  systems: ["zama-kms"],
  inputs: Inputs,
  plan(context) {
    const { inputs, manifest } = context;
    const { chosen, inside } = whom(context);
    const others = chosen.filter((id) => !inside.some(({ outputs }) => outputs.partyId === id));
    const fromHere = others.length === 0 ? "" : `; party ${others.join(", ")} only as it is seen from here`;
    return [
      step({
        id: "look",
        does: `look into ${partiesInWords(inside, manifest)} at once, probe the links of ${context.parties.length}, read ${manifest.parties.length} public vaults${fromHere}`,
        commands: [
          ...context.parties.flatMap((party) => {
            const listed = inside.includes(party) ? podsCommand(party.outputs).join(" ") : null;
            const commands = observeCommands(party, linkInputs(inputs), manifest);
            return commands.filter((command) => listed === null || !command.includes(listed));
          }),
          ...inside.flatMap(closerCommands),
        ],
        repeat: "safe",
        evidence: DoctorSights,
        run: ({ signal }) => look(context, signal),
      }),
      step({
        id: "judge",
        does: "walk the tree of causes, from what runs a core to what a core says",
        repeat: "safe",
        evidence: DoctorReport,
        run: async ({ evidence }) => diagnose(evidence("look", DoctorSights)),
      }),
    ];
  },
  report({ evidence }) {
    const json = evidence("judge", DoctorReport);
    return {
      json,
      text: (style) => renderDoctorText(json, style),
      markdown: () => renderDoctorMarkdown(json),
      junit: () => renderDoctorJunit(json),
    };
  },
});

const linkInputs = ({ timeoutMs }: Inputs) => ({ stage: "link" as const, timeoutMs });

/** Whom it is about, and who of them can be looked into. */
function whom({ inputs, manifest, parties }: Pick<RunbookContext<Inputs>, "inputs" | "manifest" | "parties">): {
  chosen: number[];
  inside: PartyAccess[];
} {
  const held = parties.map(({ outputs }) => outputs.partyId as number);
  const chosen = [...new Set(inputs.parties ?? held)].sort((a, b) => a - b);
  const strange = chosen.filter((id) => !manifest.parties.some((party) => party.id === id));
  if (strange.length > 0)
    throw new OperatorError({
      code: "PARTY_UNKNOWN",
      what: `network ${manifest.network} has no party ${strange.join(", ")}`,
      found: `--party ${chosen.join(",")}`,
      expected: `parties of the manifest: ${manifest.parties.map(({ id }) => id).join(", ")}`,
      next: "repeat the command with those, or with none for all",
    });
  return {
    chosen,
    inside: chosenParties(
      parties,
      chosen.filter((id) => held.includes(id)),
    ),
  };
}

type Context = RunbookContext<Inputs>;

/** Everything at once: what hangs costs its own deadline, and none of the others. */
async function look(context: Context, signal: AbortSignal): Promise<DoctorSights> {
  const { inputs, clock, progress } = context;
  const { chosen, inside } = whom(context);
  const startedAt = clock.now().toISOString();
  const started = performance.now();
  const { timeoutMs } = inputs;
  // Several look at once, and each counts by itself: only how many parties were looked into means something to who waits.
  const quiet = { ...context, progress: () => {} };
  let done = 0;
  const asked = context.parties.map((party) => (inside.includes(party) ? askedOnce(party) : party));
  const once = inside.map((party) => asked[context.parties.indexOf(party)] ?? party);
  const clusters = lookAtClusters(once, quiet, timeoutMs, signal, { health: false });
  const isTroubled = async (id: number) => {
    const pod = (await clusters).parties.find(({ partyId }) => partyId === id)?.pod;
    return pod?.status !== "seen" || pod.value === null || !pod.value.ready || pod.value.restarts > 0;
  };
  const closer = Promise.all(
    inside.map(async (party) => {
      const sights = await lookCloser(party, { timeoutMs, signal }, isTroubled(party.outputs.partyId));
      done += 1;
      progress(`${done} of ${inside.length} parties looked into`);
      return sights;
    }),
  );
  const [links, seenClusters, certificates, sights] = await Promise.all([
    observe({ ...quiet, parties: asked }, linkInputs(inputs), signal),
    clusters,
    lookAtCertificates(quiet, signal),
    closer,
  ]);
  signal.throwIfAborted();
  return {
    startedAt,
    durationMs: Math.round(performance.now() - started),
    chosen,
    symptom: inputs.symptom ?? null,
    network: networkOf(context),
    links,
    clusters: seenClusters,
    certificates,
    closer: sights,
  };
}

/** The core's pod and StatefulSet are among what lies in its namespace: where that was listed they are not asked for again. */
function askedOnce(party: PartyAccess): PartyAccess {
  const [part, whole] = [podsCommand(party.outputs), namespaceCommand(party.outputs)].map((args) => args.join(" "));
  let listed: Promise<CommandResult> | undefined;
  return {
    ...party,
    async kubectl(args, options) {
      const question = args.join(" ");
      if (question === whole) {
        listed = party.kubectl(args, options);
        return await listed;
      }
      if (question !== part) return await party.kubectl(args, options);
      const known = await listed;
      // A kind that may not be listed takes the others along only there.
      return known !== undefined && classifyFailure(known) === null ? known : await party.kubectl(args, options);
    },
  };
}

function networkOf({ manifest, parties }: Context): DoctorSights["network"] {
  const outputsOf = (id: number) => parties.find(({ outputs }) => outputs.partyId === id)?.outputs;
  return {
    transport: manifest.transport,
    parties: manifest.parties.map(({ id, accountId, elasticIp }) => {
      const own = outputsOf(id);
      const addresses = [elasticIp, own?.elasticIp, ...(own?.furtherIps ?? [])].filter((address) => address != null);
      return { partyId: id, accountId, addresses: [...new Set(addresses)] };
    }),
  };
}

/** What looking into one party comes to, for the plan's reader. */
function closerCommands({ outputs }: PartyAccess): string[] {
  const all = [namespaceCommand(outputs), clusterCommand(), quickLogsCommand(outputs), pagesCommand(outputs)];
  const { awsProfile, region, partyId } = outputs;
  return [
    ...all.map((args) => `kubectl ${args.join(" ")}   # party ${partyId}`),
    ...cloudQuestions(outputs).map(
      (question) => `aws ${question} --profile ${awsProfile} --region ${region}   # party ${partyId}`,
    ),
  ];
}

/** What AWS is asked, as its own tool would ask it. */
function cloudQuestions({
  endpointServiceName,
  securityGroupIds,
  partyKeyArn,
  roles,
  publicVault,
  privateVault,
}: PartyAccess["outputs"]): string[] {
  const service = endpointServiceName?.split(".").at(-1);
  return [
    "ec2 describe-vpc-endpoints --filters Name=vpc-endpoint-type,Values=Interface",
    ...(service ? [`ec2 describe-vpc-endpoint-connections --filters Name=service-id,Values=${service}`] : []),
    `ec2 describe-security-group-rules --filters Name=group-id,Values=${securityGroupIds.join(",")}`,
    `kms get-key-policy --key-id ${partyKeyArn} --policy-name default`,
    `iam get-role --role-name ${roles.core.split("/").at(-1)}`,
    ...[publicVault, privateVault].flatMap(({ bucketName }) => [
      `s3api head-bucket --bucket ${bucketName}`,
      `s3api get-bucket-policy --bucket ${bucketName}`,
    ]),
  ];
}
