import { z } from "zod";
import { backupContract } from "./backup-contract.ts";
import { keptKey, RoleName } from "./key-choice.ts";
import { AccountId, NetworkName, PartyId, Region } from "./names.ts";
import { Pcr } from "./trusted-release.ts";

/** What the account decides that holds one party's backups: `Pulumi.<stack>.yaml`, keys of the `quorate:` namespace. */
export const BackupConfig = z
  .strictObject({
    contract: z.literal(backupContract).describe("Version of this contract; by it the stack is known as a backup's."),
    network: NetworkName.describe("The network that the party is in: its manifest is `networks/<network>.yaml`."),
    party: PartyId.describe("Id of the party whose backups these are."),
    accountId: AccountId.describe("The backup account; nothing is built in another, and it is not the party's."),
    awsProfile: z.string().min(1).describe("Name of the profile in the operator's AWS configuration."),
    region: Region.describe("The region that the backups lie in."),
    partyCluster: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .describe("Name of the party's EKS cluster, from which the name of its core's role is made."),
    coreRole: RoleName.optional().describe("Name of the core's role, where the party has chosen one."),
    release: z.string().min(1).describe("Release that the party runs: one of the manifest's trusted releases."),
    allowedPcr0: z
      .array(Pcr)
      .min(1)
      .optional()
      .describe("Measurements whose enclaves may read a backup. Left out: PCR0 of every trusted release."),
    key: z.strictObject(keptKey).prefault({}).describe("The KMS key that seals the backups."),
    replica: z
      .strictObject({
        region: Region.describe("Where the copies lie."),
        key: z.boolean().default(true).describe("Whether the key has a copy there."),
        vault: z.boolean().default(true).describe("Whether everything in the vault is copied there."),
      })
      .optional()
      .describe("Copies in another region, should the first be lost."),
  })
  .refine(({ partyCluster, coreRole }) => partyCluster !== undefined || coreRole !== undefined, {
    path: ["partyCluster"],
    error: "name the party's cluster, or its core's role",
  })
  .refine(({ region, replica }) => replica?.region !== region, {
    path: ["replica", "region"],
    error: "a copy in the same region would be lost with it",
  });
export type BackupConfig = z.infer<typeof BackupConfig>;
