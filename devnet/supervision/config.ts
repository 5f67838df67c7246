import { z } from "zod";
import { PartyId } from "../../contract/names.ts";
import { Transport } from "../../contract/network-manifest.ts";
import { type DevnetFiles, readIfThere } from "../files.ts";
import { PartyTopology } from "../topology.ts";

const Pair = z.strictObject({ cert: z.string(), key: z.string() });

/** What devnetd is started with: `.quorate/devnet/devnetd.json`, 0600. */
export const DevnetdConfig = z.strictObject({
  root: z.string(),
  network: z.string(),
  k: z.int().min(1).max(254),
  token: z.string(),
  mark: z.string(),
  ports: z.strictObject({ grpc: z.int(), peer: z.int(), metrics: z.int() }),
  parties: z.array(PartyTopology).min(1),
  /** Endpoint services of parties that nobody plays. Left out: none. */
  elsewhere: z.record(z.string(), PartyId).optional(),
  /** Static keys of each party's operator, by party id. */
  operators: z.record(z.string(), z.strictObject({ accessKeyId: z.string(), secretAccessKey: z.string() })),
  /** The devnet's own copy, read at each start of a core: a release may have been added to it since. */
  manifestFile: z.string(),
  /** Whether CA certificates are copied from vault to vault, as operators without cards do by hand. Left out: yes. */
  exchange: z.boolean().optional(),
  /** How parties reach each other, where it is not as the manifest says. */
  transport: Transport.optional(),
  attestationRoot: Pair,
  attestationRootSha256: z.string(),
});
export type DevnetdConfig = z.infer<typeof DevnetdConfig>;

/** What devnetd was started with last, or null where nothing that can be read says it. */
export function readConfig(files: DevnetFiles): DevnetdConfig | null {
  const text = readIfThere(files.devnetdConfig);
  return text === null ? null : (DevnetdConfig.safeParse(JSON.parse(text)).data ?? null);
}
