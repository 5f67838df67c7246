import type { NetworkManifest } from "../contract/network-manifest.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { type StackConfig, vaultPrefixes } from "../contract/stack-config.ts";
import type { TrustedRelease } from "../contract/trusted-release.ts";
import { exitCodes } from "../contract/verdict.ts";
import type { LastDeployment } from "./deployment-facts.ts";

/** Where what is wrong can be put right. */
interface Files {
  source: string;
  manifestPath: string;
}

interface Settled {
  config: StackConfig;
  manifest: NetworkManifest;
  release: TrustedRelease;
}

/** Throws where a change would take from a party that lives what it lives on: the place of its objects, or the key to them. */
export function checkLiveParty(settled: Settled, last: LastDeployment, files: Files): void {
  checkPlace(settled, last, files);
  checkPrefixes(settled, last, files);
  checkRunningRelease(settled, last, files);
}

/** Its keys and vaults stay where they are: elsewhere the engine would make others, or look for these and take them for lost. */
function checkPlace({ config, manifest }: Settled, { place }: LastDeployment, { source, manifestPath }: Files): void {
  if (place === undefined) return;
  const party = String(config.party);
  const moved = (
    [
      ["party", party, place.party ?? party],
      ["accountId", config.accountId, place.accountId],
      ["region", config.region, place.region],
    ] as const
  ).find(([, now, before]) => now !== before);
  if (moved === undefined) return;
  const [field, now, before] = moved;
  throw new OperatorError({
    code: "LIVE_PARTY_MOVED",
    what: `party ${place.party ?? party} (${manifest.network}): its keys and vaults are in use, and can not become another party's, nor move to another account or region`,
    found: `quorate:${field}: ${now} in ${source}`,
    expected: `${field}: ${before}, as when they were made`,
    next: `put quorate:${field}: ${before} back into ${source}, and have the party's entry in ${manifestPath} say the same; another party gets a stack file of its own`,
    exitCode: exitCodes.refused,
  });
}

/** KMS Core looks for everything below its prefix, and nothing moves there what lies below the old one: it would begin anew, as a stranger. */
function checkPrefixes({ config }: Settled, { prefixes }: LastDeployment, { source }: Files): void {
  if (prefixes === undefined) return;
  const wanted = vaultPrefixes(config, config.party);
  for (const kind of ["public", "private"] as const) {
    const [before, now] = [prefixes[kind], wanted[kind]];
    if (before === now) continue;
    const field = `quorate:vaults.${kind}Prefix`;
    const isNamed = config.vaults?.[`${kind}Prefix`] !== undefined;
    throw new OperatorError({
      code: "VAULT_PREFIX_LIVE",
      what: `party ${config.party} (${config.network}): the prefix of a vault that is in use can not change; the core would find none of its ${kind === "public" ? "published" : "sealed"} objects`,
      found: isNamed ? `${field}: ${now} in ${source}` : `no ${field} in ${source}, which means ${now}`,
      expected: `${before}, below which the party's objects lie`,
      next: `put ${field}: ${before} back into ${source}`,
      exitCode: exitCodes.refused,
    });
  }
}

/** The old enclave runs until its pod is replaced, and is what one goes back to if the new one does not come up. */
function checkRunningRelease(
  { config, manifest, release }: Settled,
  { core }: LastDeployment,
  { source, manifestPath: path }: Files,
): void {
  if (core?.imageDigest === undefined || core.imageDigest === release.image.digest) return;
  const running = manifest.trustedReleases.find(({ image }) => image.digest === core.imageDigest);
  if (running !== undefined && (config.allowedPcr0 ?? [running.pcr0]).includes(running.pcr0)) return;
  const twoSteps = `npx quorate up --party ${config.party}; once release ${release.version} serves, remove the old one`;
  throw new OperatorError({
    code: "RUNNING_RELEASE_LOCKED_OUT",
    what: `party ${config.party} (${config.network}): the enclave that runs could not unseal the private vault any more, and there would be no way back to it`,
    found:
      running === undefined
        ? `image ${core.imageDigest} runs, and is of none of the releases that ${path} trusts`
        : `release ${running.version} runs, and quorate:allowedPcr0 in ${source} leaves out its PCR0`,
    expected:
      running === undefined
        ? `its release among trustedReleases, beside ${release.version}, until it no longer runs`
        : `PCR0 of release ${running.version}, ${running.pcr0}, beside the one of ${release.version}, until it no longer runs`,
    next:
      running === undefined
        ? `put its release back into ${path}, then ${twoSteps}`
        : `put it back into quorate:allowedPcr0 in ${source}, then ${twoSteps}`,
    exitCode: exitCodes.refused,
  });
}
