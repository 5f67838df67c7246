/** What stands ready in a party's account for transport `kubeip`, whether the network uses it or not. */
export interface PublicAddress {
  /** A public subnet of the party's VPC. */
  subnetId: string;
  /** An Elastic IP that exists, with the tag by which KubeIP finds it. */
  allocationId: string;
  publicIp: string;
}

/** Addresses that no network leads to are for examples, and so for devnets. @see https://www.rfc-editor.org/rfc/rfc5737 */
const examples = "203.0.113";

export function publicAddressOf(party: number): PublicAddress {
  const digits = String(party).padStart(15, "0");
  return {
    subnetId: `subnet-0c${digits}`,
    allocationId: `eipalloc-0c${digits}`,
    publicIp: `${examples}.${party}`,
  };
}

/** An address that is made, not brought: the `count`th of an account. */
export function madeAddress(party: number, count: number): string {
  return `${examples}.${15 * party + count}`;
}

/** Somebody on the internet who is no party. */
export const strangerAddress = `${examples}.254`;

export const reservedTags = { KUBEIP: "reserved" } as const;
