import { expect, test } from "vitest";
import { checkPublicSubnets } from "../../stacks/public-subnets.ts";
import { exampleSettings } from "../components/example.ts";
import { onMockStack } from "../support/mocks.ts";

const publicSubnetIds = ["subnet-0a", "subnet-0b"];

/** Whether a party with these subnets is refused, where AWS says that machines get a public address there, or not. */
async function checking(transport: "kubeip" | "privatelink", mapPublicIpOnLaunch: boolean) {
  const { config } = await exampleSettings();
  const kubeip = { publicSubnetIds, tagKey: "KUBEIP", tagValue: "reserved" };
  const settings = { config: { ...config, kubeip }, manifest: { transport }, source: "Pulumi.party-1.yaml" };
  const calls = { "aws:ec2/getSubnet:getSubnet": { id: "subnet-0a", mapPublicIpOnLaunch } };
  await onMockStack(() => checkPublicSubnets(settings as Parameters<typeof checkPublicSubnets>[0], {}), { calls });
}

test("a node in a private subnet is refused before anything is built, and only where peers come from the internet", async () => {
  await expect(checking("kubeip", false)).rejects.toMatchObject({
    problem: {
      code: "SUBNET_PRIVATE",
      found: expect.stringMatching(/^quorate:kubeip\.publicSubnetIds: subnet-0a, .* in Pulumi\.party-1\.yaml, private/),
    },
  });
  await checking("kubeip", true);
  await checking("privatelink", false);
});
