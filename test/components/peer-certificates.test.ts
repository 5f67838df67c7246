import "reflect-metadata";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { expect, test } from "vitest";
import { PartyCluster } from "../../components/aws/party-cluster.ts";
import { PeerCertificates } from "../../components/aws/peer-certificates.ts";
import { Party } from "../../components/zama-kms/party.ts";
import { PartyId } from "../../contract/names.ts";
import { signingKeyHandle } from "../../contract/signing-key-handle.ts";
import { testCloud } from "../cloud/support/providers-stack.ts";
import { caCertificate as caCertificateOf, cardContent, digestOf, LocalKey } from "../support/cards.ts";
import { onMockStack, settled } from "../support/mocks.ts";
import { exampleSettings } from "./example.ts";

const certificate = async (partyId: number) => ({ partyId, pem: (await caCertificateOf(`mpc-node-${partyId}`)).pem });

test("each peer's certificate lies where a core looks for it, and is a child of the component", async () => {
  const certificates = [await certificate(2), await certificate(3)];
  const stack = await onMockStack(() => new PeerCertificates("c", { bucketName: "own-public", certificates }));
  expect(stack.ofType("aws:s3/bucketObjectv2:BucketObjectv2").map(({ parent }) => parent)).toEqual([
    stack.get("c").urn,
    stack.get("c").urn,
  ]);
  expect(stack.get("c-party-3").inputs).toMatchObject({
    bucket: "own-public",
    key: `PUB-p3/CACert/${signingKeyHandle}`,
    content: certificates[1]?.pem,
  });
});

test("two certificates of one peer, and what is none, are refused", async () => {
  const two = [await certificate(2), await certificate(2)];
  const build = (certificates: typeof two) =>
    onMockStack(() => new PeerCertificates("c", { bucketName: "own-public", certificates }));
  await expect(build(two)).rejects.toThrow(/exactly one object/);
  await expect(build([{ partyId: 2, pem: "nothing" }])).rejects.toThrow(/party 2 is no certificate/);
});

test("a party puts there what its peers' cards bring, before its core starts, and has a key to sign its own card", async () => {
  const caCertificate = await caCertificateOf("mpc-node-2");
  const card = { ...cardContent({ caCertificate }), signingKey: { id: new LocalKey().id, fingerprint: digestOf("1") } };
  const bare = { ...card, partyId: PartyId.parse(3), caCertificate: null };
  const settings = exampleSettings();
  const stack = await onMockStack(() => {
    const { region, accountId, cluster } = settings.config;
    const made = new PartyCluster("eks", { region, accountId, cluster });
    const peerCards = new Map([card, bare].map((each) => [each.partyId as number, each]));
    return new Party("party-1", { ...settings, peerCards, cluster: made });
  });
  expect(stack.ofType("aws:s3/bucketObjectv2:BucketObjectv2").map(({ name }) => name)).toEqual([
    "party-1-certificates-party-2",
  ]);
  // The release waits with the component that it is in.
  expect(stack.get("party-1-kms").dependsOn).toContain(stack.get("party-1-certificates-party-2").urn);
  expect(await settled(stack.result.outputs.signingKeyArn ?? pulumi.output(""))).toMatch(/^arn:aws:kms:/);
});

test("through the engine, a rotated certificate is one change, and nothing else changes with it", async () => {
  await using cloud = await testCloud();
  const [account] = cloud.accounts;
  let certificates = [await certificate(2)];
  const stack = await cloud.stack("party-1", async () => {
    const provider = new aws.Provider("aws", { profile: account?.profile ?? "", region: "eu-west-1" });
    const bucket = new aws.s3.Bucket("vault", { bucket: "own-public" }, { provider });
    new PeerCertificates("c", { bucketName: bucket.bucket, certificates }, { provider });
  });
  const objects = cloud.store.account(account?.accountId ?? "").objects;
  const stored = async () => (await objects.get("own-public", `PUB-p2/CACert/${signingKeyHandle}`))?.bytes.toString();
  await stack.up();
  expect(await stored()).toBe(certificates[0]?.pem);
  certificates = [await certificate(2)];
  expect((await stack.up()).summary.resourceChanges).toEqual({ update: 1, same: 4 });
  expect(await stored()).toBe(certificates[0]?.pem);
  const [last] = certificates;
  certificates = [];
  await stack.up();
  // Its card was lost: the core still finds it at its next start.
  expect(await stored()).toBe(last?.pem);
});
