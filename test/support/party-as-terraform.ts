import { everything, exampleParty } from "./party-objects.ts";

/** Terraform's names of what Pulumi sorts into modules otherwise. */
const typeNames: Readonly<Record<string, string>> = {
  "cloudtrail/trail": "aws_cloudtrail",
  "ec2/launchTemplate": "aws_launch_template",
  "ec2/securityGroup": "aws_security_group",
  "ec2/vpcEndpoint": "aws_vpc_endpoint",
  "ec2/vpcEndpointService": "aws_vpc_endpoint_service",
  "rds/instance": "aws_db_instance",
  "rds/parameterGroup": "aws_db_parameter_group",
  "rds/subnetGroup": "aws_db_subnet_group",
};
const blockNames: Readonly<Record<string, string>> = { rules: "rule", taints: "taint", parameters: "parameter" };

const snake = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * What a party makes in AWS, as scanners of Terraform read it: the same arguments, from which nothing is ever made. The
 * EKS cluster is not among it, being a component of another package.
 */
export async function partyAsTerraform(): Promise<string> {
  const { resources } = await exampleParty({}, { ...everything, connectorDatabase: {} });
  const made = resources.flatMap(({ type, name, inputs }) => {
    const [, of = "", kind = ""] = /^aws:([^/]+)\/([^:]+):/.exec(type) ?? [];
    return kind ? [{ type: typeNames[`${of}/${kind}`] ?? `aws_${of}_${snake(kind)}`, name, inputs }] : [];
  });
  // Checks over several resources go by references, where Pulumi hands over the name itself.
  const buckets = new Map(
    made.flatMap(({ type, name, inputs }) =>
      type === "aws_s3_bucket" ? [[inputs.bucket, `aws_s3_bucket.${name}.id`]] : [],
    ),
  );
  const text = made.map(({ type, name, inputs }) => {
    const isBucket = type === "aws_s3_bucket";
    return `resource "${type}" "${name.replaceAll(/[./]/g, "-")}" {\n${fields(inputs, isBucket ? new Map() : buckets)}}\n`;
  });
  return text.join("\n");
}

function fields(of: Record<string, unknown>, references: ReadonlyMap<unknown, unknown>): string {
  const block = (name: string, value: object) =>
    `${name} {\n${fields(value as Record<string, unknown>, references)}}\n`;
  return Object.entries(of)
    .filter(([key, value]) => key !== "tags" && key !== "labels" && value !== undefined && value !== null)
    .map(([key, value]) => {
      const name = blockNames[key] ?? snake(key);
      const values = Array.isArray(value) ? value : [value];
      if (values.length > 0 && values.every((one) => typeof one === "object"))
        return values.map((one) => block(name, one)).join("");
      return `${name} = ${references.get(value) ?? JSON.stringify(value)}\n`;
    })
    .join("");
}

if (import.meta.main) process.stdout.write(await partyAsTerraform());
