import { z } from "zod";

/** Where the peers' CA certificates come from. Without one of them a core can not start: its configuration would be no TOML. */
export const PeerCertificatesChoice = z
  .enum(["cards", "copied"])
  .default("cards")
  .describe(
    "Where the peers' CA certificates come from. `cards`: from the peers' accepted cards; the core is held back until all of them are there, and restarts when one changes. `copied`: somebody else puts them into the public vault, and nobody waits for them.",
  );
