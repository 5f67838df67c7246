import { coreRelease, trustedReleases } from "./core-release.ts";
import { acceptedPcr0, keyTypes } from "./key-policy.ts";
import { statementsOf } from "./policy-document.ts";
import { ofType, type StackRule } from "./rule.ts";

export const keyFollowsReleases: StackRule = {
  id: "key-follows-releases",
  severity: "mandatory",
  guarantees: "A key lets in no enclave but those of releases that the core's peers trust.",
  why: "A PCR0 that was left behind after an upgrade is an old release, with its old faults, that still opens the vault.",
  source:
    "terraform-mpc-modules: kms_image_attestation_sha, edited by hand for each release; charts/kms-core values.yaml: trustedReleases",
  fix: "quorate:allowedPcr0 in the stack file: leave it out, or name only what trustedReleases in the manifest has",
  checkStack(subjects, tell, each) {
    const [release] = coreRelease(subjects);
    if (!release) return;
    each([release], () => {
      const trusted = new Set(trustedReleases(release).map(({ pcr0 }) => String(pcr0).toLowerCase()));
      each(ofType(subjects, ...keyTypes), (key) => {
        for (const statement of statementsOf(key.props.policy))
          for (const pcr0 of acceptedPcr0(statement) ?? [])
            if (!trusted.has(pcr0))
              tell(key, {
                field: `policy.${statement.path}.Condition`,
                found: `PCR0 ${pcr0}, which is of no trusted release`,
                expected: `one of ${[...trusted].map((each) => `${each.slice(0, 12)}…`).join(", ")}`,
              });
      });
    });
  },
};
