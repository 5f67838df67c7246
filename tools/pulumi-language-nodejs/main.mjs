import { existsSync } from "node:fs";
import { enableCompileCache } from "node:module";

// The engine starts a host for every command: with the cache it is up in about 60 ms, without it in 100.
enableCompileCache();
// The package has the sources compiled: Node refuses to strip types under node_modules.
const places = ["./host.ts", "./host.js", "../../dist/tools/pulumi-language-nodejs/host.js"].map(
  (place) => new URL(place, import.meta.url),
);
const place = places.find((each) => existsSync(each));
if (place === undefined) throw new Error(`this copy of quorate is not complete: no ${places.at(-1)?.href}`);
const { startHost } = await import(place.href);
await startHost(process.argv.slice(2));
