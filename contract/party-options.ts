import { z } from "zod";
import { elsewhereAdministered, isAdministeredHere, KeyArn, keptKey } from "./key-choice.ts";
import { Arn, HostLabel } from "./names.ts";

/** One role or user; an account as a whole is nobody that could be held to account. */
const Person = Arn.refine(
  (arn) => /^arn:aws[a-z-]*:iam::\d{12}:(role|user)\/[^*?]+$/.test(arn),
  "name one role or user: arn:aws:iam::111122223333:role/name",
);
const people = () => z.array(Person).min(1).optional();

export const Access = z.strictObject({
  operators: people().describe("Who runs `up`: may everything in the cluster. They exist before it."),
  sre: people().describe("Who may take the SRE's role: sees what the runbooks look at, and gets into the prober."),
  breakGlass: people().describe(
    "Who may take the role for emergencies, with a second factor: restarts, reads logs, gets into any pod.",
  ),
  ci: z
    .strictObject({
      oidcProviderArn: Arn.refine(
        (arn) => arn.includes(":oidc-provider/"),
        "looks like arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com",
      ).describe("The pipeline's identity provider in this account's IAM."),
      repository: z
        .string()
        .regex(/^[\w.-]+\/[\w.-]+$/, "one repository: owner/name")
        .describe("The one repository whose pipeline may preview."),
      environment: z
        .string()
        .regex(/^[\w.-]+$/, "one environment")
        .describe("The one environment of that repository."),
    })
    .optional()
    .describe("A pipeline that may preview, and change nothing."),
});

export const Pauser = z.strictObject({
  namespace: HostLabel.default("zama-protocol").describe("Namespace of the chart zama-protocol-pause."),
  createNamespace: z.boolean().default(false).describe("Whether this stack makes the namespace."),
  key: z
    .strictObject({
      arn: KeyArn.optional().describe(
        "A key of another account, which its owner manages. Left out: this stack makes one, without material.",
      ),
      ...keptKey,
    })
    .refine(isAdministeredHere, elsewhereAdministered)
    .prefault({})
    .describe("The KMS key of the wallet."),
});
