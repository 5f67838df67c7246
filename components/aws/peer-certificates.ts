import { createHash } from "node:crypto";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { certificateSha256 } from "../../contract/party-card.ts";
import { peerCertificateKey } from "../../contract/signing-key-handle.ts";
import { checkArgs } from "../check-args.ts";

export interface PeerCertificatesArgs {
  /** The party's own public vault. */
  bucketName: pulumi.Input<string>;
  /** CA certificate of each peer, as its card brings it. */
  certificates: readonly { partyId: number; pem: string }[];
}

/**
 * The peers' CA certificates, where a starting core looks for them. Creates: one object per peer in the own public vault.
 *
 * A certificate that its peer rotated is a changed object, so it arrives with the next update after its card.
 */
export class PeerCertificates extends pulumi.ComponentResource {
  constructor(name: string, args: PeerCertificatesArgs, opts?: pulumi.ComponentResourceOptions) {
    const ids = args.certificates.map(({ partyId }) => partyId);
    checkArgs(`peer certificates ${name}`, [
      new Set(ids).size !== ids.length && {
        propertyPath: "certificates",
        reason: "has two of one party: its core reads exactly one object for each peer",
      },
      ...args.certificates.map(
        ({ partyId, pem }) =>
          certificateSha256(pem) === undefined && {
            propertyPath: "certificates",
            reason: `that of party ${partyId} is no certificate`,
          },
      ),
    ]);
    super("quorate:aws:PeerCertificates", name, {}, opts);
    for (const certificate of args.certificates) createObject(this, name, args.bucketName, certificate);
    this.registerOutputs({});
  }
}

function createObject(
  parent: PeerCertificates,
  name: string,
  bucket: pulumi.Input<string>,
  { partyId, pem }: PeerCertificatesArgs["certificates"][number],
) {
  new aws.s3.BucketObjectv2(
    `${name}-party-${partyId}`,
    {
      bucket,
      key: peerCertificateKey(partyId),
      content: pem,
      contentType: "application/x-pem-file",
      // S3 answers with it, so that a certificate which somebody exchanged behind our back is a difference.
      etag: createHash("md5").update(pem).digest("hex"),
    },
    // A card that is lost does not unmake its party: without the object the core could never start again.
    { parent, retainOnDelete: true },
  );
}
