import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { registrySecret } from "../../contract/core-guards.ts";
import type { ToolImage } from "../../contract/tool-image.ts";
import { hooksOf } from "../hooks.ts";
import { type ConnectorDatabaseAddress, databaseEnv, databaseUrl } from "./connector-values.ts";

const migrationName = "kms-connector-db-migration";

/** Labels of its pods, as the chart gives them. */
export const migrationPods = { app: migrationName };

export interface ConnectorMigrationArgs {
  namespace: pulumi.Input<string>;
  image: ToolImage;
  database: ConnectorDatabaseAddress;
  /** Label and taint of the nodes. */
  nodeKey: string;
  /** Runs before it is made, and stops that by throwing. @default nothing */
  before?: pulumi.ResourceHookFunction | undefined;
}

/**
 * Brings the connector's database to the schema that its services expect. Creates: Job, a new one for each image.
 *
 * The chart has such a Job. Up to 1.5.1 it puts the image's tag into the Job's name, where a digest can not be; in all
 * versions the services start beside it, not after it.
 */
export class ConnectorMigration extends pulumi.ComponentResource {
  constructor(name: string, args: ConnectorMigrationArgs, opts?: pulumi.ComponentResourceOptions) {
    super("quorate:zama-kms:ConnectorMigration", name, {}, opts);
    new kubernetes.batch.v1.Job(
      `${name}-job`,
      {
        metadata: { name: migrationName, namespace: args.namespace, labels: migrationPods },
        spec: { backoffLimit: 3, template: { metadata: { labels: migrationPods }, spec: podSpec(args) } },
      },
      {
        parent: this,
        // A Job's template can not change, and its name is taken until it is gone.
        replaceOnChanges: ["spec"],
        deleteBeforeReplace: true,
        customTimeouts: { create: "10m" },
        hooks: hooksOf(args.before),
      },
    );
    this.registerOutputs({});
  }
}

function podSpec({ image, database, nodeKey }: ConnectorMigrationArgs): kubernetes.types.input.core.v1.PodSpec {
  return {
    restartPolicy: "Never",
    automountServiceAccountToken: false,
    imagePullSecrets: [{ name: registrySecret }],
    nodeSelector: { [nodeKey]: "true" },
    tolerations: [{ key: nodeKey, operator: "Equal", value: "true", effect: "NoSchedule" }],
    containers: [
      {
        name: migrationName,
        image: `${image.repository}:${image.tag}@${image.digest}`,
        command: ["sqlx", "migrate", "run", "--source", "/migrations"],
        env: [...databaseEnv(database), { name: "DATABASE_URL", value: databaseUrl(database) }],
        resources: { requests: { cpu: "100m", memory: "256Mi" }, limits: { cpu: "500m", memory: "512Mi" } },
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
          seccompProfile: { type: "RuntimeDefault" },
        },
      },
    ],
  };
}
