import { coreRelease } from "./core-release.ts";
import { defaultTags, environmentOf, ifKnown, ofType, type StackRule, type Subject } from "./rule.ts";

/** Longest time that a recovery may go without TLS. */
const longestHours = 72;
const hourMs = 3_600_000;

export const tlsNeverOff: StackRule = {
  id: "tls-never-off",
  severity: "mandatory",
  guarantees:
    "A core speaks TLS with its peers; the two exceptions, development and custodian recovery, are on record, and a recovery ends by a date.",
  why: "Without TLS nothing proves which enclave a peer is. A recovery needs it off for hours, and nobody is reminded to turn it on again.",
  source: "kms charts/kms-core/values.yaml: thresholdMode.tls.enabled = false; docs/guides/backup.md: recovery",
  fix: "components/zama-kms/core-values.ts: thresholdMode; an exception is a PolicyException in the stack's program",
  checkStack(subjects, tell, each) {
    each(coreRelease(subjects), (release) => {
      const enabled = release.props.values?.kmsCore?.thresholdMode?.tls?.enabled;
      if (enabled === true) return;
      const [exception] = ofType(subjects, "quorate:policies:PolicyException").filter(
        (one) => ifKnown(() => one.props.rule) === tlsNeverOff.id,
      );
      const problem = exception ? problemOf(exception, environmentOfAll(subjects)) : "no exception";
      if (problem === undefined) return;
      tell(release, {
        field: "values.kmsCore.thresholdMode.tls.enabled",
        found: `${enabled}, ${problem}`,
        expected: `true; or an exception: development on a devnet, or custodian-recovery with a reason and an end within ${longestHours} hours`,
      });
    });
  },
};

/** The most that is at stake: a release's own provider, being Kubernetes', has no tags that would tell. */
function environmentOfAll(subjects: readonly Subject[]): string {
  const tagged = subjects.filter((subject) => defaultTags(subject).environment !== undefined);
  const found = new Set(tagged.map(environmentOf));
  return found.size === 1 ? ([...found][0] ?? "mainnet") : "mainnet";
}

/** Why the exception does not hold, or undefined where it does. */
function problemOf({ props }: Subject, environment: string): string | undefined {
  const { kind, reason, until } = props as { kind?: string; reason?: string; until?: string };
  if (!reason?.trim()) return `exception ${kind} without a reason`;
  if (kind === "development") return environment === "devnet" ? undefined : `exception development on ${environment}`;
  if (kind !== "custodian-recovery") return `an exception of unknown kind ${kind}`;
  const left = Date.parse(until ?? "") - Date.now();
  if (!(left > 0)) return `exception custodian-recovery that ended ${until ?? "never began: it has no end"}`;
  return left > longestHours * hourMs ? `exception custodian-recovery until ${until}, too far away` : undefined;
}
