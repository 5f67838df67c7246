/** Where KMS Core keeps a party's signing key and what belongs to it (CA certificate, VerfKey, VerfAddress): an id that the core fixes. */
export const signingKeyHandle = "60b7070add74be3827160aa635fb255eeeeb88586c4debf7ab1134ddceb4beee";

/** Where a core looks for a peer's CA certificate in its own public vault: the chart makes the prefix from the peer's number alone. */
export function peerCertificateKey(partyId: number): string {
  return `PUB-p${partyId}/CACert/${signingKeyHandle}`;
}
