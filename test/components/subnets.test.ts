import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { readSubnets } from "../../components/aws/subnets.ts";
import { onMockStack } from "../support/mocks.ts";

test("a subnet is asked for once, whoever looks at it, and again with another provider: that is another account or region", async () => {
  const asked: unknown[] = [];
  const getSubnet = ({ id }: Record<string, unknown>) => {
    asked.push(id);
    return { cidrBlock: "10.1.0.0/24" };
  };
  const { result } = await onMockStack(
    async () => {
      const provider = new aws.Provider("one");
      const parent = new pulumi.ComponentResource("quorate:test:Part", "part", {}, { providers: [provider] });
      const first = readSubnets(["subnet-0a", "subnet-0b"], { provider });
      const again = readSubnets(["subnet-0b", "subnet-0c"], { parent });
      await readSubnets(["subnet-0a"], { provider: new aws.Provider("two") });
      return [...(await first), ...(await again)].map(({ id }) => id);
    },
    { calls: { "aws:ec2/getSubnet:getSubnet": getSubnet } },
  );
  expect(result).toEqual(["subnet-0a", "subnet-0b", "subnet-0b", "subnet-0c"]);
  expect(asked.sort()).toEqual(["subnet-0a", "subnet-0a", "subnet-0b", "subnet-0c"]);
});
