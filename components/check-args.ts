import * as pulumi from "@pulumi/pulumi";

/**
 * Refuses plain arguments before the first resource exists, with every problem at once. A problem that does not
 * apply is `false`.
 */
export function checkArgs(what: string, problems: (false | pulumi.InputPropertyErrorDetails)[]): void {
  const errors = problems.filter((problem) => problem !== false);
  if (errors.length === 0) return;
  const lines = errors.map(({ propertyPath, reason }) => `  ${propertyPath}: ${reason}`);
  throw new pulumi.InputPropertiesError({ message: [`${what}: arguments refused`, ...lines].join("\n"), errors });
}
