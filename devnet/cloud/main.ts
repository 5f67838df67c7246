import { readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { flushCompileCache } from "node:module";
import { OperatorError } from "../../contract/operator-error.ts";
import { parse } from "../../contract/parse.ts";
import { type CloudAccount, CloudConfig, CloudPorts } from "./config.ts";
import { Credentials } from "./credentials.ts";
import { serveHttp } from "./http.ts";
import { eipType } from "./providers/aws/elastic-ip.ts";
import { expireKeys } from "./services/kms.ts";
import { type AccountStore, CloudStore } from "./store.ts";

/** What `./providers/servers.ts` has to export. */
type StartProviders = (options: { store: CloudStore; config: ReturnType<typeof withEarlierPorts> }) => Promise<{
  ports: CloudPorts["providers"];
  close(): Promise<void>;
}>;

const next = "npx quorate devnet down, then npx quorate devnet up";

/** By then an engine has worked, and all that there is to compile is compiled. */
const flushAfterMs = 30_000;

async function main(configPath: string): Promise<void> {
  const config = parse(CloudConfig, JSON.parse(readFileSync(configPath, "utf8")), {
    code: "CLOUD_CONFIG_INVALID",
    what: `the simulated cloud can't use its config ${configPath}`,
    next,
  });
  const store = await CloudStore.open(config.dir);
  store.onFailure((error) => {
    const problem = { code: "CLOUD_STATE_UNWRITABLE", what: "the simulated cloud can't keep its state", next };
    console.error(new OperatorError({ ...problem, found: error.message, expected: "a disk with room" }).render());
    process.exit(2);
  });
  const now = () => new Date();
  for (const account of config.accounts) await settleAddresses(store.account(account.accountId), account);
  for (const { accountId, cluster } of config.accounts) {
    await expireKeys(store.account(accountId), now());
    await readdressClusters(store.account(accountId), cluster.endpoint);
  }
  const credentials = new Credentials(config.dir, config.accounts, now);
  let isReady = false;
  const http = await serveHttp(
    { store, config, credentials, now, isReady: () => isReady },
    { host: config.httpHost, port: config.httpPort },
  ).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EADDRINUSE") throw cause;
    throw new OperatorError(
      {
        code: "CLOUD_PORT_TAKEN",
        what: "the simulated cloud can't listen",
        found: `another process on ${config.httpHost}:${config.httpPort}`,
        expected: "a free port",
        next: `ss -ltnp 'sport = :${config.httpPort}' names the process; end it, then npx quorate devnet up`,
      },
      { cause },
    );
  });
  const providers = await startProviders({ store, config: withEarlierPorts(config) });
  const ports = CloudPorts.parse({ http: http.port, providers: providers.ports });
  await writeAtomically(config.portsFile, `${JSON.stringify(ports, undefined, 2)}\n`);
  isReady = true;

  let isClosing = false;
  const close = async () => {
    if (isClosing) return;
    isClosing = true;
    await Promise.all([http.close(), providers.close()]);
    await store.close();
    process.exit(0);
  };
  process.on("SIGTERM", close);
  process.on("SIGINT", close);
  console.log(JSON.stringify({ ready: true, pid: process.pid, ...ports }));
  // Node would write what it has compiled when it exits, but a devnet whose state goes ends the cloud without a word.
  setTimeout(flushCompileCache, flushAfterMs).unref();
}

/** Addresses that somebody reserved before there was a stack. */
async function settleAddresses(
  store: AccountStore,
  { addresses = [], region, accountId }: CloudAccount,
): Promise<void> {
  for (const { allocationId: id, publicIp, tags } of addresses)
    if (store.get(eipType, id) === undefined) {
      const arn = `arn:aws:ec2:${region}:${accountId}:elastic-ip/${id}`;
      await store.put({
        type: eipType,
        id,
        props: { allocationId: id, arn, publicIp, domain: "vpc", tags, tagsAll: tags },
      });
    }
}

/** A devnet whose number was taken meanwhile has another one now, and its API servers other addresses. */
async function readdressClusters(account: AccountStore, endpoint: string): Promise<void> {
  for (const { type, id, props } of account.list("aws:eks/cluster:Cluster"))
    if (props.endpoint !== endpoint) await account.put({ type, id, props: { ...props, endpoint } });
}

/** Running engines hold on to the ports that they were given, so a restart tries those first. */
function withEarlierPorts(config: CloudConfig): CloudConfig & { providerPorts?: CloudPorts["providers"] } {
  try {
    const earlier = CloudPorts.parse(JSON.parse(readFileSync(config.portsFile, "utf8")));
    return { ...config, providerPorts: earlier.providers };
  } catch {
    // No file, or one that says nothing of use: any free ports will do.
    return config;
  }
}

const startProviders: StartProviders = async (options) => {
  const file = "./providers/servers.ts";
  let module: { startProviders?: StartProviders };
  try {
    module = await import(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new OperatorError(
      {
        code: "CLOUD_PROVIDERS_MISSING",
        what: "the simulated cloud can't load its Pulumi providers",
        found: (cause as Error).message,
        expected: `devnet/cloud/${file.slice(2)} and what it imports`,
        next: "npm ci, in the clone",
      },
      { cause },
    );
  }
  if (!module.startProviders) throw new Error(`${file} exports no startProviders`);
  return module.startProviders(options);
};

/** Whoever reads the file finds all of it or nothing. */
async function writeAtomically(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, "w", 0o600);
  await file.writeFile(text);
  await file.sync();
  await file.close();
  await rename(`${path}.new`, path);
}

const [configPath] = process.argv.slice(2);
if (configPath === undefined) {
  console.error("usage: node devnet/cloud/main.ts <config.json>");
  process.exit(2);
}
main(configPath).catch((error: unknown) => {
  console.error(error instanceof OperatorError ? error.render() : error);
  process.exit(error instanceof OperatorError ? (error.problem.exitCode ?? 2) : 70);
});
