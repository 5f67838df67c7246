import { readFileSync } from "node:fs";
import { addressesOf, ports } from "./addresses.ts";
import { DevnetdConfig } from "./supervision/config.ts";
import { serveControl } from "./supervision/control-server.ts";
import { Devnetd } from "./supervision/devnetd.ts";

// The one detached process of a devnet: `node devnet/devnetd.ts <devnetd.json>`. Its address is also its lock: whoever
// binds it has this number, and a second devnet takes another.

/** Exit code when the control address is taken: the caller tries another number. */
const addressTaken = 75;
const watchFolderMs = 2_000;

async function main(configFile: string): Promise<void> {
  const config = DevnetdConfig.parse(JSON.parse(readFileSync(configFile, "utf8")));
  let devnetd: Devnetd | undefined;
  let isStopping = false;
  const stop = async (keep: boolean) => {
    if (isStopping) return;
    isStopping = true;
    await devnetd?.stop(keep);
    process.exit(0);
  };
  const running = () => {
    if (devnetd === undefined) throw new Error("not started");
    return devnetd;
  };
  try {
    await serveControl(addressesOf(config.k).control, ports.control, config.token, {
      status: async () => running().status(),
      fault: async (body) => running().applyFault(body),
      stop: async (body) => {
        setImmediate(() => stop((body as { keep?: boolean } | null)?.keep === true));
      },
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") process.exit(addressTaken);
    throw error;
  }
  devnetd = new Devnetd(config);
  process.on("SIGTERM", () => stop(true));
  process.on("SIGINT", () => stop(true));
  process.on("SIGHUP", () => {});
  setInterval(() => {
    if (!running().ownsFolder()) stop(false);
  }, watchFolderMs).unref();
  await devnetd.start();
}

await main(process.argv[2] ?? "");
