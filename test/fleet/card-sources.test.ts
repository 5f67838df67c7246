import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { Digest } from "../../contract/names.ts";
import { NetworkManifest } from "../../contract/network-manifest.ts";
import { vaultSource } from "../../fleet/card-sources.ts";
import { hex, rawManifest } from "../support/network.ts";

const raw = rawManifest();
raw.parties[1].publicVault = { bucketName: "live-public-0a1b2c3d" };
raw.parties[2].publicVault = { bucketName: "other-public-0a1b2c3d", prefix: "PUB-old" };
const { parties } = NetworkManifest.parse(raw);
const fingerprint = Digest.parse(`sha256:${hex(64, "e")}`);

/** Something in place of S3 that answers with the path that it was asked for. */
async function echo() {
  const server = createServer((request, response) => response.end(request.url)).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("a live party's card is looked for in the vault that the manifest names, unless another address was decided", async () => {
  await using s3 = await echo();
  const source = vaultSource(s3.endpoint, parties);
  expect(await source(2, { fingerprint })).toEqual({
    text: "/live-public-0a1b2c3d/PUB-p2/PartyCard/card-v1.jws",
    source: "https://live-public-0a1b2c3d.s3.eu-west-1.amazonaws.com/PUB-p2/PartyCard/card-v1.jws",
  });
  expect((await source(3, { fingerprint }))?.text).toBe("/other-public-0a1b2c3d/PUB-old/PartyCard/card-v1.jws");
  const url = "https://new-public.s3.eu-west-1.amazonaws.com/card.jws";
  expect(await source(2, { fingerprint, url })).toEqual({ text: "/new-public/card.jws", source: url });
});

test("nothing is fetched of a party that nobody trusts, or whose vault nobody named", async () => {
  const source = vaultSource("http://127.0.0.1:1", parties);
  expect(await source(2, undefined)).toBeUndefined();
  expect(await source(4, { fingerprint })).toBeUndefined();
});
