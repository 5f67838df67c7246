import { existsSync } from "node:fs";
import { enableCompileCache } from "node:module";

// The engine starts a host for every command: with the cache it is up in about 60 ms, without it in 100.
enableCompileCache();
// In the package the sources are compiled: Node refuses to strip types under node_modules.
const source = new URL("./host.ts", import.meta.url);
const compiled = new URL("../../dist/tools/pulumi-language-nodejs/host.js", import.meta.url);
const { startHost } = await import(existsSync(source) ? source.href : compiled.href);
await startHost(process.argv.slice(2));
