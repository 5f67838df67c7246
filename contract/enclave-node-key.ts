/** Label and taint of an enclave node. */
export const enclaveNodeKey = "node.kubernetes.io/enclave-enabled";
