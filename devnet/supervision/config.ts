import { z } from "zod";
import { TrustedRelease } from "../../contract/trusted-release.ts";
import { PartyTopology } from "../topology.ts";

const Pair = z.strictObject({ cert: z.string(), key: z.string() });

/** What devnetd is started with: `.quorate/devnet/devnetd.json`, 0600. */
export const DevnetdConfig = z.strictObject({
  root: z.string(),
  network: z.string(),
  k: z.int().min(1).max(254),
  token: z.string(),
  mark: z.string(),
  namespace: z.string(),
  ports: z.strictObject({ grpc: z.int(), peer: z.int(), metrics: z.int() }),
  parties: z.array(PartyTopology).min(1),
  /** Static keys of each party's operator, by party id. */
  operators: z.record(z.string(), z.strictObject({ accessKeyId: z.string(), secretAccessKey: z.string() })),
  /** Images that the network's releases run, with what an enclave of each measures. */
  releases: z.array(TrustedRelease),
  attestationRoot: Pair,
  attestationRootSha256: z.string(),
});
export type DevnetdConfig = z.infer<typeof DevnetdConfig>;
