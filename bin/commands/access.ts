import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { OperatorError } from "../../contract/operator-error.ts";
import { exitCodes } from "../../contract/verdict.ts";
import { tokenFor, writeKubeconfig } from "../../fleet/cluster-access.ts";
import { Fleet } from "../../fleet/driver.ts";
import { readOutputs } from "../../fleet/outputs.ts";
import { chooseParties, partyOptions } from "../party-choice.ts";
import { openSession } from "../session.ts";
import { terminal } from "../terminal.ts";

/** Writes a kubeconfig of 14 minutes and prints its path; the current context is neither read nor changed. */
export async function kubeconfig(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { network: { type: "string" }, party: partyOptions.party } });
  const session = await openSession({ network: values.network });
  const [party] = await chooseParties(session, values, "one");
  if (party === undefined) throw new Error("a choice of parties is never empty");
  const outputs = await readOutputs(await new Fleet(session).workDir(), party);
  const folder = join(session.root, ".quorate", "access", session.network);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { path } = await writeKubeconfig(folder, outputs);
  terminal.print(path);
  return exitCodes.ok;
}

/** What a kubeconfig's exec entry calls: prints an ExecCredential with a fresh token. */
export async function eksToken(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { cluster: { type: "string" }, region: { type: "string" }, profile: { type: "string" } },
  });
  const { cluster, region, profile } = values;
  if (cluster === undefined || region === undefined || profile === undefined)
    throw new OperatorError({
      code: "ARGUMENT_INVALID",
      what: "a token is for one cluster",
      found: args.filter((arg) => arg.startsWith("--")).join(" ") || "no options",
      expected: "--cluster <name> --region <region> --profile <profile>",
      next: "npx quorate kubeconfig --party <id>",
    });
  const { token, expiresAt } = await tokenFor({ clusterName: cluster, region, profile });
  process.stdout.write(
    JSON.stringify({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      status: { token, expirationTimestamp: expiresAt.toISOString().replace(/\.\d+Z$/, "Z") },
    }),
  );
  return exitCodes.ok;
}
