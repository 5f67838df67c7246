/** Literal by which a stack file says that it is a backup account's, and no party's. */
export const backupContract = "backup/v1";
