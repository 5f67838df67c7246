import { acceptedPcr0 } from "./key-policy.ts";
import type { Statement } from "./policy-document.ts";

type Condition = Statement["conditions"][number];

/** A condition that leaves few of all resources, for actions of which AWS documents that they heed it. */
interface Narrowing {
  actions: RegExp;
  narrows(condition: Condition): boolean;
}

/** A tag's own value, a VPC's own ARN. Whoever asks without it is refused, as is every resource that has none. */
const exactly = (key: RegExp) => (condition: Condition) =>
  /^(StringEquals|ArnEquals)$/.test(condition.operator) &&
  key.test(condition.key) &&
  condition.values.length > 0 &&
  condition.values.every((value) => value !== "" && !/[*?$]/.test(value));

const network = /^(ec2|elasticloadbalancing):/i;

/**
 * Of where a request is made, whether by TLS or with a second factor, nothing here says anything: that narrows who
 * asks, and leaves all there is to ask for.
 *
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
 */
const narrowings: readonly Narrowing[] = [
  // AWS advises against it for iam:PassRole, which does not heed a role's tags.
  { actions: /^(?!iam:PassRole$)/i, narrows: exactly(/^[a-z0-9-]+:ResourceTag\/.+/i) },
  { actions: /^iam:CreateServiceLinkedRole$/i, narrows: exactly(/^iam:AWSServiceName$/i) },
  { actions: network, narrows: exactly(/^(ec2:Vpc|aws:RequestTag\/.+|(ec2|elasticloadbalancing):CreateAction)$/i) },
  { actions: /^kms:/i, narrows: exactly(/^kms:RequestAlias$/i) },
];

/** Whether the statement's conditions leave the action few resources, however many its patterns name. */
export function isNarrowed(statement: Statement, action: string): boolean {
  if (/^kms:/i.test(action) && acceptedPcr0(statement)) return true;
  return narrowings.some(({ actions, narrows }) => actions.test(action) && statement.conditions.some(narrows));
}
