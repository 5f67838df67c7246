import { expect, test } from "vitest";
import { nextAfterUp } from "../../bin/next-after-up.ts";

const release = { name: "kms-core", chartVersion: "1.9.1", version: "0.13.20", imageDigest: "sha256:0" as never };
const runs = { partyId: 4 as never, release };

test("after an up the links are to be validated; of parties whose cores are withheld, the network alone", () => {
  const withheld = { partyId: 1 as never, release: null };
  expect(nextAfterUp([runs])).toEqual(["next  npx quorate validate"]);
  expect(nextAfterUp([withheld])).toEqual(["next  npx quorate validate --stage network"]);
  expect(nextAfterUp([withheld, runs])).toEqual(["next  npx quorate validate"]);
});

test("an up that has no Secret to pull images by ends with the command that makes it, before any card is of use", () => {
  const command =
    "kubectl --namespace kms create secret generic registry-credentials --from-file=.dockerconfigjson=<file>";
  const waits = (release: "core" | "connector") => ({
    release,
    secrets: ["registry-credentials"],
    commands: [command],
  });
  const held = {
    partyId: 1 as never,
    release: null,
    coreHeldFor: [2],
    heldForSecrets: [waits("core"), waits("connector")],
  };
  expect(nextAfterUp([held, runs]).join("\n")).toMatchInlineSnapshot(`
    "party 1: its core waits for Secret registry-credentials
    party 1: its connector waits for Secret registry-credentials
    party 1: kubectl --namespace kms create secret generic registry-credentials --from-file=.dockerconfigjson=<file>
    next  make the Secrets, each in its party's cluster: npx quorate kubeconfig; then: npx quorate up --party 1"
  `);
});

test("an up that holds a core back ends with what it waits for, and with the way there", () => {
  const held = (partyId: number, ...coreHeldFor: number[]) => ({
    partyId: partyId as never,
    release: null,
    coreHeldFor,
  });
  expect(nextAfterUp([held(1, 2, 3), runs, held(2, 3)]).join("\n")).toMatchInlineSnapshot(`
    "party 1: its core waits for a card with a CA certificate from parties 2, 3
    party 2: its core waits for a card with a CA certificate from party 3
    next  npx quorate cards sync, then: npx quorate up --party 1,2; before that: npx quorate validate --stage network"
  `);
});
