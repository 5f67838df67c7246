import type * as pulumi from "@pulumi/pulumi";
import { accountRootArn } from "../aws/arn.ts";
import { PeerCertificates } from "../aws/peer-certificates.ts";
import { SigningKey } from "../aws/signing-key.ts";
import type { PartyArgs } from "./party-args.ts";

/** The key that signs this party's card: by it the peers know the party. */
export function createSigningKey(parent: pulumi.Resource, name: string, args: PartyArgs): SigningKey {
  const { manifest, config, party } = args;
  const { signerArns, administratorArns, deletionWindowDays } = config.signingKey;
  const account = [accountRootArn(config.region, config.accountId)];
  return new SigningKey(
    `${name}-signing`,
    {
      alias: `quorate-${manifest.network}-party-${party.id}-signing`,
      signerArns: signerArns ?? account,
      administratorArns: administratorArns ?? account,
      deletionWindowDays,
    },
    { parent },
  );
}

/** What the peers' cards bring, where the own core looks for it when it starts. */
export function createPeerCertificates(
  parent: pulumi.Resource,
  name: string,
  { peerCards }: PartyArgs,
  bucketName: pulumi.Input<string>,
): PeerCertificates {
  const certificates = [...peerCards.values()].flatMap(({ partyId, caCertificate }) =>
    caCertificate === null ? [] : [{ partyId, pem: caCertificate.pem }],
  );
  return new PeerCertificates(`${name}-certificates`, { bucketName, certificates }, { parent });
}
