import { registrySecret } from "./core-guards.ts";
import type { NetworkManifest } from "./network-manifest.ts";
import { type OptionalRelease, optionalReleases } from "./optional-releases.ts";
import type { StackConfig } from "./stack-config.ts";

/** The Secret that opens the connector's database. */
export const databaseSecret = "connector-database";

/** A Secret that a release reads, and which of its keys. */
export interface NeededSecret {
  name: string;
  /** None where only the whole is read. */
  keys: readonly string[];
}

/** A release that reads Secrets. */
export type SecretReader = "core" | OptionalRelease;

/** A release that is not made yet, because people have not made its Secrets. */
export interface HeldRelease {
  release: SecretReader;
  secrets: readonly string[];
  /** What to type, one for each of them. */
  commands: readonly string[];
}

type Asking = Pick<StackConfig, "connector" | "coreClient" | "gatewayNode" | "connectorDatabase" | "secrets">;
type Agreed = Pick<NetworkManifest, "connector" | "gatewayNode">;

const registry: NeededSecret = { name: registrySecret, keys: [".dockerconfigjson"] };
const conduit: NeededSecret = { name: "conduit", keys: ["conduit-rpc-http-url"] };

/** Key under which Secret `rpc` has the endpoint of a chain. */
export const rpcKey = (chain: string) => `${chain}-rpc-url`;

/** Secrets that a release reads; none of one that is off. */
export function neededSecrets(of: SecretReader, config: Asking, manifest: Agreed): NeededSecret[] {
  // Who says nothing of Secrets may have a registry that asks for none, such as a copy in the party's own account.
  if (of === "core") return config.secrets === undefined ? [] : [registry];
  if (config[of] === undefined) return [];
  if (of === "coreClient") return [registry];
  if (of === "gatewayNode")
    return [{ name: "arbitrum", keys: [manifest.gatewayNode?.parentRpcSecretKey ?? "arbitrum-rpc-url"] }, conduit];
  const ownDatabase = config.connectorDatabase !== undefined;
  const chains = ["ethereum", ...(manifest.connector?.hostChains ?? []).map(({ name }) => name)];
  return [
    registry,
    { name: databaseSecret, keys: ["username", "password", ...(ownDatabase ? [] : ["endpoint"])] },
    { name: "rpc", keys: [...new Set(chains)].map(rpcKey) },
    conduit,
  ];
}

/** Names of all Secrets that the stack's optional releases read. */
export function allNeededSecrets(config: Asking, manifest: Agreed): string[] {
  const names = optionalReleases.flatMap((of) => neededSecrets(of, config, manifest).map(({ name }) => name));
  return [...new Set(names)];
}
