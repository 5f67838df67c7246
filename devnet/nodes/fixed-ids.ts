/** Context that a threshold core makes from its peer list at every boot. */
export const defaultContextId = `07${"0".repeat(61)}1`;

/** Epoch of the first PRSS setup. */
export const defaultEpochId = `08${"0".repeat(61)}1`;
