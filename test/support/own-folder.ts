import { randomBytes } from "node:crypto";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * The folder of an operator who runs one party of a devnet that somebody else keeps up in `hub`: its own stack file, state, passphrase and
 * credentials, and nothing of any other party. What it needs of the others has to come by cards.
 */
export async function createOwnFolder(folder: string, hub: string, partyId: number): Promise<string> {
  const network = "devnet";
  const devnet = join(hub, ".quorate", "devnet");
  const own = (...names: string[]) => join(folder, ...names);
  for (const name of ["stacks/networks", ".quorate/env", ".quorate/devnet", "aws", "state", "pulumi"])
    await mkdir(own(name), { recursive: true, mode: 0o700 });
  for (const name of [`networks/${network}.yaml`, `Pulumi.party-${partyId}.yaml`])
    await cp(join(devnet, "stacks", name), own("stacks", name));
  for (const name of ["config", "credentials"]) {
    const profiles = (await readFile(join(devnet, "aws", name), "utf8")).split(/\n(?=\[)/);
    const mine = profiles.filter((text) => new RegExp(`^\\[(profile )?devnet-party-${partyId}\\]`).test(text));
    if (mine.length !== 1) throw new Error(`${mine.length} profiles of party ${partyId} in ${name}`);
    await writeFile(own("aws", name), `${mine[0]}\n`, { mode: 0o600 });
  }
  await writeFile(own("passphrase"), randomBytes(24).toString("base64url"), { mode: 0o600 });
  const handedOut = JSON.parse(await readFile(join(hub, ".quorate", "env", `${network}.json`), "utf8"));
  const environment = {
    common: {
      ...handedOut.common,
      AWS_CONFIG_FILE: own("aws", "config"),
      AWS_SHARED_CREDENTIALS_FILE: own("aws", "credentials"),
      PULUMI_BACKEND_URL: `file://${own("state")}?metadata=skip`,
      PULUMI_HOME: own("pulumi"),
      PULUMI_CONFIG_PASSPHRASE_FILE: own("passphrase"),
      QUORATE_STACKS_DIR: own("stacks"),
    },
    parties: {
      [partyId]: {
        ...handedOut.parties[partyId],
        PULUMI_OPTION_CONFIG_FILE: own("stacks", `Pulumi.party-${partyId}.yaml`),
      },
    },
  };
  await writeFile(own(".quorate", "env", `${network}.json`), JSON.stringify(environment), { mode: 0o600 });
  await writeFile(own(".quorate", "current"), `${network}\n`);
  // By it commands know that the devnet is up.
  await cp(join(devnet, "state.json"), own(".quorate", "devnet", "state.json"));
  return folder;
}
