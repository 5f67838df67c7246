import { isOff, ofType, type StackRule } from "./rule.ts";

interface Selector {
  readWriteType?: string;
  includeManagementEvents?: boolean | string;
  excludeManagementEventSources?: string[];
  dataResources?: { type?: string; values?: string[] }[];
}

interface AdvancedSelector {
  fieldSelectors?: { field?: string; equals?: string[] }[];
}

export const trailComplete: StackRule = {
  id: "trail-complete",
  severity: "mandatory",
  guarantees:
    "A trail of the party's is on, can be proven unchanged, and records whoever reads or writes an object of the vaults, or uses a key.",
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
      if (isOff(enableLogging)) tell(trail, { field: "enableLogging", found: "false", expected: "true" });
      const basic = (eventSelectors ?? []) as Selector[];
      const advanced = (advancedEventSelectors ?? []) as AdvancedSelector[];
      const hasObjects = basic.some(recordsObjects) || advanced.some(choosesObjects);
      if (!hasObjects)
        tell(trail, {
          field: "eventSelectors",
          found: "no data events of S3 objects",
          expected: "AWS::S3::Object, for the party's vaults",
        });
      // Without a selector a trail records all management events, and nothing else.
      const chosen = basic.length + advanced.length > 0;
      if (chosen && !basic.some(recordsKeys) && !advanced.some(choosesKeys))
        tell(trail, {
          field: "eventSelectors",
          found: "no management events, or not those of KMS",
          expected: "all management events: Decrypt and GenerateDataKey are among them",
        });
    });
  },
};

const isWhole = ({ readWriteType = "All" }: Selector) => readWriteType === "All";

const recordsObjects = (selector: Selector) =>
  isWhole(selector) &&
  (selector.dataResources ?? []).some(({ type, values }) => type === "AWS::S3::Object" && (values ?? []).length > 0);

const recordsKeys = (selector: Selector) =>
  isWhole(selector) &&
  !isOff(selector.includeManagementEvents) &&
  !(selector.excludeManagementEventSources ?? []).includes("kms.amazonaws.com");

const hasField = ({ fieldSelectors = [] }: AdvancedSelector, name: string, value?: string) =>
  fieldSelectors.some(
    ({ field, equals = [] }) => field === name && (value === undefined || (equals.length === 1 && equals[0] === value)),
  );

const choosesObjects = (selector: AdvancedSelector) =>
  hasField(selector, "resources.type", "AWS::S3::Object") &&
  !["readOnly", "eventName"].some((name) => hasField(selector, name));

const choosesKeys = (selector: AdvancedSelector) =>
  hasField(selector, "eventCategory", "Management") &&
  !["readOnly", "eventSource", "eventName"].some((name) => hasField(selector, name));
