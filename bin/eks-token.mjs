import { existsSync } from "node:fs";

// `import 'quorate/eks-token'` in a kubeconfig leads here. A checkout has the source beside this file; the package has it
// compiled, because Node refuses to strip types under node_modules. The source comes first: a checkout may hold an old build.
const source = new URL("./eks-token.ts", import.meta.url);
await import(existsSync(source) ? source.href : new URL("../dist/bin/eks-token.js", import.meta.url).href);
