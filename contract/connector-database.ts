import { z } from "zod";

/** A volume grows only where its limit is this many percent above its size. @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html */
const leastGrowthPercent = 10;

/** The connector's PostgreSQL database, as one party wants it. */
export const ConnectorDatabase = z
  .strictObject({
    identifier: z
      .string()
      .max(63)
      .regex(/^[a-z](-?[a-z0-9])*$/, "a database identifier is lower-case words joined by single dashes")
      .optional()
      .describe("Name of the instance. Left out: `<identifierPrefix>-<environment>-<name>`."),
    identifierPrefix: z.string().min(1).max(30).default("zama").describe("How the name of the instance begins."),
    name: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_]{0,62}$/, "a database name is letters, digits and _, a letter first")
      .default("kmsconnector")
      .describe("Name of the database."),
    username: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_]{0,62}$/, "a user name is letters, digits and _, a letter first")
      .default("zws")
      .describe("Name of its master user."),
    engineVersion: z
      .string()
      .regex(/^1[5-9]\.\d+$/, "a PostgreSQL version looks like 17.2")
      .default("17.2")
      .describe("Version of PostgreSQL."),
    instanceClass: z
      .string()
      .regex(/^db\.[a-z0-9]+\.[a-z0-9]+$/, "an instance class looks like db.t4g.medium")
      .default("db.t4g.medium")
      .describe("Class of the instance."),
    storageGib: z.int().min(20).default(50).describe("Storage to begin with, in GiB."),
    maxStorageGib: z.int().min(22).default(100).describe("How far its storage may grow, in GiB."),
    multiAz: z.boolean().default(false).describe("Whether a second instance stands by in another zone."),
    backupDays: z
      .int()
      .min(7, "backups of 7 days at least")
      .max(35)
      .default(7)
      .describe("Days that automatic backups are kept."),
    deletionProtection: z.boolean().default(true).describe("Whether AWS and the engine refuse to delete it."),
    passwordRotationDays: z
      .int()
      .min(1)
      .max(1000)
      .default(90)
      .describe("Days after which AWS changes the master password; the connector has to read the secret again."),
    allowedCidrs: z
      .array(z.cidrv4())
      .min(1)
      .optional()
      .describe("From where it may be reached besides the cluster. Left out: from nowhere else."),
    withoutTls: z
      .strictObject({
        connectorVersion: z.string().min(1).max(60).describe("Version of the connector that has no TLS."),
        sslmode: z.enum(["disable", "allow", "prefer"]).describe("The `sslmode` that this version connects with."),
      })
      .optional()
      .describe("For a connector that has no TLS. Left out: connections without TLS are refused."),
  })
  .superRefine(({ storageGib, maxStorageGib }, context) => {
    const least = Math.ceil((storageGib * (100 + leastGrowthPercent)) / 100);
    if (maxStorageGib < least)
      context.addIssue({
        code: "custom",
        path: ["maxStorageGib"],
        message: `has to be ${least} at least, a tenth above storageGib: RDS would never let it grow`,
      });
  });
export type ConnectorDatabase = z.infer<typeof ConnectorDatabase>;
