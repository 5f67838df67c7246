import { log } from "@pulumi/pulumi";
import { expect, test, vi } from "vitest";
import { PauserWallet, type PauserWalletArgs } from "../../components/zama-kms/pauser-wallet.ts";
import { onMockStack } from "../support/mocks.ts";

async function wallet(args: Partial<PauserWalletArgs> = {}) {
  const warn = vi.spyOn(log, "warn").mockResolvedValue();
  const stack = await onMockStack(
    () =>
      new PauserWallet("p", {
        clusterName: "kms",
        namespace: "zama-protocol",
        createNamespace: false,
        oidc: { providerArn: "arn:aws:iam::1:oidc-provider/issuer/ABC", issuer: "issuer/ABC" },
        key: { administratorArns: ["arn:aws:iam::100000000001:root"], deletionWindowDays: 30 },
        ...args,
      }),
  );
  const said = warn.mock.calls.map(([text]) => text);
  warn.mockRestore();
  return { stack, said };
}

test("key, role, service account and ConfigMap have the names that the chart expects", async () => {
  const { stack, said } = await wallet();
  const role = "arn:aws:iam::100000000001:role/zama-protocol-pause-kms";
  expect(stack.get("p-signer-role").inputs.name).toBe("zama-protocol-pause-kms");
  expect(stack.get("p-signer-role").inputs.assumeRolePolicy).toContain(
    "system:serviceaccount:zama-protocol:zama-protocol-pause",
  );
  expect(stack.get("p-wallet-alias").inputs.name).toBe("alias/zama-protocol-pause-kms");
  expect(JSON.parse(stack.get("p-wallet-key").inputs.policy).Statement[0].Principal.AWS).toBe(role);
  expect(stack.get("p-account").inputs.metadata).toMatchObject({
    name: "zama-protocol-pause",
    namespace: "zama-protocol",
    annotations: { "eks.amazonaws.com/role-arn": role },
  });
  expect(stack.get("p-config").inputs).toMatchObject({
    metadata: { name: "zama-protocol-pause" },
    data: { AWS_KMS_KEY_ID: "p-wallet-key-id" },
  });
  expect(stack.ofType("kubernetes:core/v1:Namespace")).toEqual([]);
  expect(said).toEqual([expect.stringContaining("import-key-material")]);
});

test("a key of another account is its role's to use, and none is made", async () => {
  const arn = "arn:aws:kms:eu-west-1:200000000001:key/1";
  const { stack } = await wallet({ key: { arn }, createNamespace: true });
  expect(stack.ofType("aws:kms/externalKey:ExternalKey")).toEqual([]);
  expect(JSON.parse(stack.get("p-signer-pauser-policy").inputs.policy).Statement[0]).toMatchObject({
    Action: ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign", "kms:Verify"],
    Resource: arn,
  });
  expect(stack.get("p-config").inputs.data.AWS_KMS_KEY_ID).toBe(arn);
  expect(stack.get("p-namespace").inputs.metadata.name).toBe("zama-protocol");
});

test("the cluster's own namespaces are refused", async () => {
  await expect(wallet({ namespace: "kube-system" })).rejects.toMatchObject({
    errors: [{ propertyPath: "namespace" }],
  });
});
