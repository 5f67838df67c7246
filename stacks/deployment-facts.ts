/** What the stack's last update left behind, as far as the next one must not pass over it. */
export interface LastDeployment {
  /** Where the party's objects lie in its vaults; undefined before the first update. */
  prefixes: { public: string; private: string } | undefined;
  /** Whose its keys and buckets are, and where; undefined as long as it has none. */
  place?: { party: string | undefined; accountId: string; region: string } | undefined;
  /** The core, unless it is absent, withheld or held back. */
  core: { imageDigest: string | undefined; peerCertificates: string | undefined } | undefined;
  /** Names of all Helm releases that the stack made. @default none */
  releases?: readonly string[];
}

/** Of a stack that was never brought up. */
export const neverDeployed: LastDeployment = { prefixes: undefined, core: undefined };
