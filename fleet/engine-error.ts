import { basename } from "node:path";
import { OperatorError } from "../contract/operator-error.ts";
import { exitCodes } from "../contract/verdict.ts";
import type { PartyStack } from "./party-stacks.ts";

/** What helps where the engine's own words name the trouble and not the way out. */
const advice: readonly [RegExp, (party: PartyStack) => string][] = [
  [/PULUMI_ACCESS_TOKEN|not logged in/i, () => "pulumi login, or set PULUMI_BACKEND_URL to where the stack's state is"],
  [
    /passphrase/i,
    () => "set PULUMI_CONFIG_PASSPHRASE_FILE to a file that you can read and that holds the stack's passphrase",
  ],
  [
    /AWS credentials|AWS account ID not allowed|InvalidClientTokenId|ExpiredToken|SignatureDoesNotMatch|AccessDenied|UnauthorizedOperation/i,
    ({ config }) => `see who asks: aws sts get-caller-identity --profile ${config.awsProfile}`,
  ],
  [
    /PodEvictionFailure/,
    ({ partyId, configPath }) =>
      `once the network can spare the party: quorate:coreEviction: allowed in ${basename(configPath)}, then npx quorate up --party ${partyId}`,
  ],
  [
    /already exists|AlreadyExists|BucketAlreadyOwnedByYou/,
    ({ partyId, stackName }) =>
      `if this stack made it: pulumi import <type> <name> <id> --stack ${stackName}, then npx quorate up --party ${partyId}; otherwise another name`,
  ],
];

/** What the engine said before it began, without the automation API's account of how it was called. */
function lastWords(message: string): string {
  return /^\s*error: ([\s\S]+?)(?=\n\s*err\?: |$(?![\s\S]))/m.exec(message)?.[1] ?? message;
}

/** The engine's way of saying that a change would take a protected resource away; its own advice is to take the protection away. */
const protection =
  /resource "?(urn:pulumi:[^"\s]+)"?[^\n]*\s(?:[^\n]*marked for protection|cannot be deleted\s+because it is protected)/g;

/** What can not be brought back is never deleted or replaced by a slip in a stack file. */
function protectedError(said: string, party: PartyStack, cause: unknown): OperatorError | undefined {
  const names = [...said.matchAll(protection)].map(([, urn = ""]) => urn.split("::").slice(-2).join(" "));
  if (names.length === 0) return undefined;
  const file = basename(party.configPath);
  return new OperatorError(
    {
      code: "RESOURCE_PROTECTED",
      what: `party ${party.partyId}: the change would delete or replace what can not be brought back`,
      found: [...new Set(names)].join("\n"),
      expected: "a change that leaves it where it is, under its name",
      next: `take back what changed since the last update, in ${file} or in the manifest of ${party.config.network}`,
      exitCode: exitCodes.refused,
    },
    { cause },
  );
}

/** A preview or an update that the engine ended, in its own words. */
export function engineError(operation: string, party: PartyStack, errors: string[], cause: unknown): OperatorError {
  const own = errors.map((text) => text.replace(/^Running program '.*' failed with an unhandled exception:\n/, ""));
  const said = own.length > 0 ? own.join("\n") : lastWords(cause instanceof Error ? cause.message : String(cause));
  const refused = protectedError(said, party, cause);
  if (refused !== undefined) return refused;
  const known = advice.find(([words]) => words.test(said))?.[1];
  return new OperatorError(
    {
      code: "ENGINE_FAILED",
      what: `party ${party.partyId}: pulumi ${operation} of stack ${party.stackName} failed`,
      found: said,
      expected: "an engine that comes to its end",
      next: known?.(party) ?? `mend what it says, then: npx quorate preview --party ${party.partyId}`,
      exitCode: exitCodes.failed,
    },
    { cause },
  );
}
