import { expect, test } from "vitest";
import {
  AudienceRole,
  type AudienceRoleArgs,
  findsCluster,
  looksAtCloud,
  readsSettings,
} from "../../components/aws/audience-role.ts";
import { onMockStack, settled } from "../support/mocks.ts";

const person = "arn:aws:iam::300000000001:role/on-call";
const clusterArn = "arn:aws:eks:eu-west-1:100000000001:cluster/kms";

const role = (args: Partial<AudienceRoleArgs> = {}) =>
  onMockStack(
    () =>
      new AudienceRole("a", {
        roleName: "mpc-kms-party-1-sre",
        trust: { principalArns: [person], withMfa: false },
        clusterName: "kms",
        kubernetesGroups: ["quorate:sre"],
        statements: [findsCluster(clusterArn)],
        ...args,
      }),
  );

test("an audience has a role for an hour, an entry in the cluster, and no right but to find it", async () => {
  const stack = await role();
  expect(await settled(stack.result.roleArn)).toBe("arn:aws:iam::100000000001:role/mpc-kms-party-1-sre");
  expect(stack.get("a-role").inputs).toMatchObject({ name: "mpc-kms-party-1-sre", maxSessionDuration: 3600 });
  expect(stack.get("a-entry").inputs).toMatchObject({
    clusterName: "kms",
    principalArn: "arn:aws:iam::100000000001:role/mpc-kms-party-1-sre",
    kubernetesGroups: ["quorate:sre"],
  });
  expect(JSON.parse(stack.get("a-policy").inputs.policy).Statement).toEqual([
    { Sid: "FindCluster", Effect: "Allow", Action: "eks:DescribeCluster", Resource: clusterArn },
  ]);
});

const trust = async (args: Partial<AudienceRoleArgs>) =>
  JSON.parse((await role(args)).get("a-role").inputs.assumeRolePolicy).Statement;

test("people take it by name, with a second factor where that is asked for", async () => {
  const plain = { Effect: "Allow", Principal: { AWS: [person] }, Action: "sts:AssumeRole" };
  expect(await trust({})).toEqual([plain]);
  expect(await trust({ trust: { principalArns: [person], withMfa: true } })).toEqual([
    { ...plain, Condition: { Bool: { "aws:MultiFactorAuthPresent": "true" } } },
  ]);
});

test("a pipeline takes it from one repository and one environment, and from nowhere else", async () => {
  const oidcProviderArn = "arn:aws:iam::100000000001:oidc-provider/token.actions.githubusercontent.com";
  const [statement] = await trust({ trust: { oidcProviderArn, repository: "acme/kms", environment: "preview" } });
  expect(statement.Condition).toEqual({
    StringEquals: {
      "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
      "token.actions.githubusercontent.com:sub": "repo:acme/kms:environment:preview",
    },
  });
  await expect(role({ trust: { oidcProviderArn, repository: "acme/*", environment: "*" } })).rejects.toMatchObject({
    errors: [{ propertyPath: "trust.repository" }, { propertyPath: "trust.environment" }],
  });
});

test("a preview reads settings, and a diagnosis less: no wildcard, no object, no secret, nothing that changes or decrypts", () => {
  const diagnosis = looksAtCloud({
    keyArns: "arn:aws:kms:eu-west-1:300000000001:key/*",
    roleArn: "arn:core",
    vaultArns: ["arn:aws:s3:::mpc-vault-private-*"],
  });
  expect(diagnosis.map(({ Resource }) => Resource).filter((of) => of === "*")).toHaveLength(1);
  const actions = [readsSettings(), ...diagnosis].flatMap(({ Action }) => Action);
  expect(actions.filter((action) => !/^[a-z0-9]+:(Describe|Get|List)[A-Za-z0-9]+$/.test(action))).toEqual([]);
  expect(actions.filter((action) => /GetObject|Secret|Parameter|Token|Decrypt|GetPasswordData/.test(action))).toEqual(
    [],
  );
});

test("a role for anybody, or in a group that EKS keeps, is refused", async () => {
  for (const principalArns of [[], ["arn:aws:iam::300000000001:root"], ["arn:aws:iam::300000000001:role/*"]])
    await expect(role({ trust: { principalArns, withMfa: false } })).rejects.toMatchObject({
      errors: [{ propertyPath: "trust.principalArns" }],
    });
  await expect(role({ kubernetesGroups: ["system:masters"] })).rejects.toMatchObject({
    errors: [{ propertyPath: "kubernetesGroups" }],
  });
});
