import { describe, expect, test } from "vitest";
import { AudienceAccess, type AudienceAccessArgs } from "../../components/kubernetes/audience-access.ts";
import { type Audience, audiences, clusterRules, namespaceRules } from "../../components/kubernetes/audience-rights.ts";
import { coreClientName, coreClientPod, healthCheckProgram } from "../../contract/core-client.ts";
import type { PartyOutputs } from "../../contract/party-outputs.ts";
import { podsCommand, probeCommand } from "../../runbooks/network/observe.ts";
import { collectedCommand, collectedOfClusterCommand } from "../../runbooks/zama-kms/collect-party.ts";
import { logsCommand } from "../../runbooks/zama-kms/core-logs.ts";
import { clusterCommand, namespaceCommand } from "../../runbooks/zama-kms/look-at-cluster.ts";
import { onMockStack } from "../support/mocks.ts";

/** As far as the runbooks' commands go by them. */
const outputs = { namespace: "kms-decentralized", workload: { prober: "quorate-prober" } } as PartyOutputs;

const logs = { namespace: "kms-decentralized", pod: "kms-core-1", container: "kms-core-enclave" };

const access = (args: Partial<AudienceAccessArgs> = {}) =>
  onMockStack(
    () =>
      new AudienceAccess("a", {
        namespace: "kms-decentralized",
        partyId: 1,
        prober: { deployment: "quorate-prober", container: "prober" },
        healthCheck: { pod: coreClientPod, container: coreClientName, program: healthCheckProgram, command: "live" },
        audiences,
        ...args,
      }),
  );

const may = (audience: Audience, verb: string, resource: string) =>
  [...namespaceRules[audience], ...(clusterRules[audience] ?? [])].some(
    (rule) => rule.resources.includes(resource) && rule.verbs.includes(verb),
  );

describe("the rules", () => {
  test("an SRE may what the runbooks call", () => {
    const commands = [
      podsCommand(outputs),
      namespaceCommand(outputs),
      clusterCommand(),
      collectedCommand(outputs.namespace),
      collectedOfClusterCommand(),
    ];
    for (const [, kinds = ""] of commands)
      for (const kind of kinds.split(",")) expect([kind, may("sre", "list", kind)]).toEqual([kind, true]);
    // `exec deploy/…` looks the Deployment and its pods up before it opens the connection.
    expect(probeCommand(outputs).slice(0, 4)).toEqual([
      "exec",
      "--namespace",
      "kms-decentralized",
      "deploy/quorate-prober",
    ]);
    expect(logsCommand({ ...logs, previous: false }, { lines: 1, bytes: 1 })[0]).toBe("logs");
    expect(may("sre", "get", "pods/log")).toBe(true);
    expect(may("sre", "get", "deployments") && may("sre", "list", "pods") && may("sre", "create", "pods/exec")).toBe(
      true,
    );
  });

  test("nobody reads a secret or makes a token, and only break-glass changes anything", () => {
    const all = [...Object.values(namespaceRules), ...Object.values(clusterRules)].flat();
    expect(all.filter((rule) => rule.resources.some((kind) => /^secrets|token|^\*$/.test(kind)))).toEqual([]);
    expect(all.filter((rule) => rule.verbs.includes("*") || rule.apiGroups.includes("*"))).toEqual([]);
    for (const audience of ["sre", "ci"] as const)
      for (const verb of ["update", "patch", "delete", "deletecollection", "impersonate", "bind", "escalate"])
        expect(
          [...namespaceRules[audience], ...(clusterRules[audience] ?? [])].filter((rule) => rule.verbs.includes(verb)),
        ).toEqual([]);
    expect(may("ci", "create", "pods/exec")).toBe(false);
  });
});

test("each audience has its role in the party's namespace, bound to its group", async () => {
  const stack = await access();
  for (const audience of audiences) {
    expect(stack.get(`a-${audience}-role`).inputs.metadata).toEqual({
      name: `quorate-${audience}`,
      namespace: "kms-decentralized",
    });
    expect(stack.get(`a-${audience}-binding`).inputs.subjects).toEqual([
      { kind: "Group", name: `quorate:${audience}`, apiGroup: "rbac.authorization.k8s.io" },
    ]);
  }
  for (const resource of stack.resources.filter(({ name }) => name !== "a"))
    expect([resource.name, resource.parent]).toEqual([resource.name, stack.get("a").urn]);
});

test("an SRE gets into the prober and no other pod, and whoever broke the glass into any", async () => {
  const { spec } = (await access()).get("a-sre-exec").inputs;
  expect(spec.failurePolicy).toBe("Fail");
  expect(spec.matchConstraints.resourceRules[0].operations).toEqual(["CONNECT"]);
  expect(spec.matchConditions[0].expression).toContain("!('quorate:break-glass' in request.userInfo.groups)");
  expect(spec.validations[0].expression).toContain("request.name.startsWith('quorate-prober-')");
  expect(spec.validations[0].expression).toContain("object.command[0] == 'kms-health-check'");
  expect(spec.validations[0].expression).toContain("object.command[3] == 'live'");
  expect((await access()).get("a-sre-exec-binding").inputs.spec.validationActions).toEqual(["Deny"]);
});

test("what belongs to an audience that is not wished is left out", async () => {
  const stack = await access({ audiences: ["ci"] });
  expect(stack.resources.map(({ name }) => name).sort()).toEqual([
    "a",
    "a-ci-binding",
    "a-ci-cluster-binding",
    "a-ci-cluster-role",
    "a-ci-role",
  ]);
});

test("no audience, or one twice, is refused", async () => {
  for (const wrong of [[], ["sre", "sre"]] as Audience[][])
    await expect(access({ audiences: wrong })).rejects.toMatchObject({ errors: [{ propertyPath: "audiences" }] });
});
