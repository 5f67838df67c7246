import { defaultTags, type ResourceRule } from "./rule.ts";

/** Where the networks live. */
const regions: Record<string, string> = { testnet: "eu-west-1", mainnet: "eu-central-1" };

export const regionFitsNetwork: ResourceRule = {
  id: "region-fits-network",
  severity: "advisory",
  guarantees: "A party of the testnet is in eu-west-1, one of the mainnet in eu-central-1.",
  why: "Upstream refuses other regions, by a switch; advisory, because PrivateLink crosses regions and a manifest may say otherwise.",
  source: "terraform-mpc-modules modules/vpc-endpoint-provider: testnet [eu-west-1], mainnet [eu-central-1]",
  fix: "parties[].region in the manifest, quorate:region in the stack file",
  types: ["pulumi:providers:aws"],
  check({ props }, tell) {
    const environment = defaultTags({ provider: props }).environment ?? "";
    const expected = regions[environment];
    if (expected !== undefined && props.region !== expected)
      tell({ field: "region", found: String(props.region), expected: `${expected}, as all of the ${environment}` });
  },
};
