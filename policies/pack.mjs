import { existsSync } from "node:fs";

// The engine's launcher requires this file, and can neither strip types nor find what the package has compiled.
const place = ["./pack.ts", "./pack.js"].map((each) => new URL(each, import.meta.url)).find((each) => existsSync(each));
if (place === undefined) throw new Error("this copy of quorate is not complete: no policies/pack");
void import(place.href);
