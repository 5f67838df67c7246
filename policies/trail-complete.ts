import { ofType, type StackRule } from "./rule.ts";

interface Selector {
  fieldSelectors?: { field?: string; equals?: string[] }[];
}

export const trailComplete: StackRule = {
  id: "trail-complete",
  severity: "mandatory",
  guarantees: "A trail of the party's is on, can be proven unchanged, and records each object of the vaults.",
  why: "Management events alone show that a key exists, not that somebody asked it to decrypt or read a share.",
  source:
    "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html; missing upstream",
  fix: "quorate:audit in the stack file; components/aws/audit-trail.ts",
  checkStack(subjects, tell, each) {
    // Without a trail of its own a party relies on one of its organisation, which no stack can see: that is said elsewhere.
    each(ofType(subjects, "aws:cloudtrail/trail:Trail"), (trail) => {
      const { enableLogFileValidation, enableLogging, eventSelectors, advancedEventSelectors } = trail.props;
      if (enableLogFileValidation !== true)
        tell(trail, {
          field: "enableLogFileValidation",
          found: String(enableLogFileValidation ?? false),
          expected: "true",
        });
      if (enableLogging === false) tell(trail, { field: "enableLogging", found: "false", expected: "true" });
      const hasObjects =
        ((eventSelectors ?? []) as { dataResources?: { type?: string }[] }[]).some(({ dataResources }) =>
          dataResources?.some(({ type }) => type === "AWS::S3::Object"),
        ) ||
        ((advancedEventSelectors ?? []) as Selector[]).some(({ fieldSelectors }) =>
          fieldSelectors?.some(
            ({ field, equals }) => field === "resources.type" && (equals ?? []).includes("AWS::S3::Object"),
          ),
        );
      if (!hasObjects)
        tell(trail, {
          field: "eventSelectors",
          found: "no data events of S3 objects",
          expected: "AWS::S3::Object, for the party's vaults",
        });
    });
  },
};
