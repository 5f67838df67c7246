import { existsSync } from "node:fs";

// `import 'quorate/eks-token'` in a kubeconfig leads here. A checkout has the source beside this file; the package has it
// compiled, because Node refuses to strip types under node_modules. The source comes first: a checkout may hold an old build.
const places = ["./eks-token.ts", "./eks-token.js", "../dist/bin/eks-token.js"].map(
  (place) => new URL(place, import.meta.url),
);
const place = places.find((each) => existsSync(each));
if (place === undefined) throw new Error(`this copy of quorate is not complete: no ${places.at(-1)?.href}`);
await import(place.href);
