import { type PolicyResource, type ResourceValidationArgs, unknownCheckingProxy } from "@pulumi/policy";
import { type Rule, toPolicy } from "../../policies/rule.ts";

/** What CrossGuard puts in the place of a text that is not known yet. */
export const unknownText = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export interface Made {
  type: string;
  name?: string;
  // biome-ignore lint/suspicious/noExplicitAny: the properties of any resource type
  props: Record<string, any>;
  protect?: boolean;
  /** Component around it. */
  within?: string;
  /** Made by a provider that has no tags to give, as Kubernetes'. */
  untagged?: boolean;
  /** Names of the resources that its properties are made from. */
  madeFrom?: Record<string, string>;
}

/** What a rule says of resources, through CrossGuard's own functions: `mandatory vault-tls-only\n<message>`. */
export function asked(rule: Rule, made: Made[], environment = "mainnet"): string[] {
  const said: string[] = [];
  const report = ((violation: { name: string; message: string; enforcementLevel: string }) => {
    said.push(`${violation.enforcementLevel} ${violation.name}\n${violation.message}`);
  }) as never;
  const policy = toPolicy(rule);
  const resources = made.map((one) => resourceOf(one, environment));
  const byName = new Map(resources.map((resource) => [resource.name, resource]));
  for (const [index, { madeFrom = {} }] of made.entries())
    for (const [property, name] of Object.entries(madeFrom)) {
      const target = byName.get(name);
      const resource = resources[index];
      if (target && resource) resource.propertyDependencies[property] = [target];
    }
  const rest = { stackTags: new Map(), getConfig: () => ({}) as never, notApplicable: () => undefined as never };
  if ("validateStack" in policy) void policy.validateStack({ resources, ...rest }, report);
  else if (typeof policy.validateResource === "function")
    for (const resource of resources)
      void policy.validateResource({ ...resource, ...rest } as unknown as ResourceValidationArgs, report);
  return said;
}

function resourceOf(
  { type, name = "it", props, protect = false, within, untagged = false }: Made,
  environment: string,
): PolicyResource {
  const chain = [...(within ? [within] : []), type].join("$");
  const opts = { protect, ignoreChanges: [], aliases: [], customTimeouts: {}, additionalSecretOutputs: [] };
  const defaultTags = JSON.stringify({ tags: { network: "n", party: "1", environment, "managed-by": "quorate" } });
  return {
    type,
    name,
    urn: `urn:pulumi:party-1::quorate::${chain}::${name}`,
    props: unknownCheckingProxy(props),
    opts,
    provider: { type: "pulumi:providers:aws", name: "aws", urn: "", props: untagged ? {} : { defaultTags } },
    dependencies: [],
    propertyDependencies: {},
    isType: () => false,
    asType: () => undefined,
  } as unknown as PolicyResource;
}
