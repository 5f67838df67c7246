/** Name of the Helm release of the core-client, of its StatefulSet and of its container; its pods' label `app`. */
export const coreClientName = "kms-core-client";
/** The tool in its image that asks a core how it is. */
export const healthCheckProgram = "kms-health-check";
/** Its command that asks, and does nothing. */
export const healthCheckCommand = "live";
/** Its one pod, as the StatefulSet names it. */
export const coreClientPod = `${coreClientName}-0`;
