import { connectorChartProblems } from "../components/zama-kms/connector-charts.ts";
import { OperatorError } from "../contract/operator-error.ts";
import { type OptionalRelease, optionalReleases } from "../contract/optional-releases.ts";
import { databaseSecret, type NeededSecret, neededSecrets } from "../contract/release-secrets.ts";
import type { StackConfig } from "../contract/stack-config.ts";
import type { ManifestFile } from "./manifest-file.ts";

/** Checks that what a stack wants beside its core was agreed on, and has all that it needs. */
export function checkReleases(config: StackConfig, file: ManifestFile, source: string): void {
  const wanted = optionalReleases.filter((of) => config[of] !== undefined);
  for (const of of wanted) checkAgreed(of, config, file, source);
  if (config.connector !== undefined) checkConnector(config, file, source);
  for (const of of wanted) checkSecretsNamed(of, config, file, source);
}

function checkAgreed(of: OptionalRelease, config: StackConfig, { manifest, path }: ManifestFile, source: string) {
  if (manifest[of] !== undefined) return;
  throw new OperatorError({
    code: "RELEASE_NOT_AGREED",
    what: `party ${config.party} (${config.network}): what it wants to run beside its core, the network has not agreed on`,
    found: `quorate:${of} in ${source}, and no ${of} in ${path}`,
    expected: `${of} in ${path}: images and chart by digest, the same for all parties`,
    next: `have all parties agree on ${of} in ${path}, or remove quorate:${of} from ${source}`,
  });
}

function checkConnector(config: StackConfig, { manifest, path }: ManifestFile, source: string) {
  const { connector: agreed } = manifest;
  if (agreed === undefined) return;
  const [problem] = connectorChartProblems(agreed);
  if (problem !== undefined)
    throw new OperatorError({
      code: "CHART_UNFIT",
      what: `network ${manifest.network}: chart ${agreed.chart.version} of the connector would not do what the parties agreed on`,
      found: `${problem.field}: ${problem.found}, in ${path}`,
      expected: problem.expected,
      next: `have all parties agree on another connector.chart.version in ${path}, or correct ${problem.field} there`,
    });
  const incomplete = (found: string, expected: string, next: string) =>
    new OperatorError({
      code: "RELEASE_INCOMPLETE",
      what: `party ${config.party} (${config.network}): its connector could not work`,
      found,
      expected,
      next,
    });
  if (config.txSenderKey === undefined)
    throw incomplete(
      `no quorate:txSenderKey in ${source}`,
      "the key by which the connector signs what it sends",
      `add quorate:txSenderKey: {} to ${source}, or remove quorate:connector`,
    );
  const { connectorDatabase: own, connector } = config;
  if ((own === undefined) === (connector?.database === undefined))
    throw incomplete(
      own === undefined
        ? `neither quorate:connectorDatabase nor database in quorate:connector, in ${source}`
        : `both quorate:connectorDatabase and database in quorate:connector, in ${source}`,
      "one database: of this stack, or one that exists",
      own === undefined
        ? `add quorate:connectorDatabase: {} to ${source}, or name the database in quorate:connector`
        : `remove one of the two from ${source}`,
    );
  const forced = own === undefined ? connector?.database?.sslmode === "require" : own.withoutTls === undefined;
  if (forced && agreed.migrationTls === "absent")
    throw incomplete(
      `connections with TLS alone, and an image ${agreed.images.dbMigration.tag} that has none (connector.migrationTls: absent in ${path})`,
      "a database that lets the connector's migration in",
      own === undefined
        ? `set database.sslmode: prefer in quorate:connector, in ${source}`
        : `set connectorDatabase.withoutTls with sslmode: prefer in ${source}: the services use TLS even so; or agree on an image that can`,
    );
}

/** What fills a Secret is known beforehand; whether it is filled, only the cluster knows. */
function checkSecretsNamed(of: OptionalRelease, config: StackConfig, { manifest }: ManifestFile, source: string) {
  const named = namedSecrets(config);
  const missing = neededSecrets(of, config, manifest).filter(({ name }) => !named.has(name));
  if (missing.length === 0) return;
  const list = missing.map(({ name }) => name).join(", ");
  throw new OperatorError({
    code: "SECRETS_NOT_NAMED",
    what: `party ${config.party} (${config.network}): nobody is named who fills Secrets that quorate:${of} reads`,
    found: `${[...named].join(", ") || "none"} in quorate:secrets, in ${source}`,
    expected: `also ${missing.map(describeSecret).join("; ")}`,
    next: `name ${list} in quorate:secrets, in ${source}: under externalSecrets.from, or under byHand`,
  });
}

export function describeSecret({ name, keys }: NeededSecret): string {
  return `${name} with ${keys.join(", ")}`;
}

function namedSecrets({ secrets, connectorDatabase }: StackConfig): Set<string> {
  if (secrets === undefined) return new Set();
  if ("byHand" in secrets) return new Set(secrets.byHand);
  const names = secrets.externalSecrets.from.map(({ name }) => name);
  // Of its own database the stack knows where the password lies.
  return new Set(connectorDatabase === undefined ? names : [...names, databaseSecret]);
}
