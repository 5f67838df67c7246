const { join } = require("node:path");

// The layers: what each folder may import, besides itself and packages. `test` sees everything, `bin` joins them all.
const mayImport = {
  contract: [],
  components: ["contract"],
  stacks: ["components", "contract"],
  config: ["contract"],
  fleet: ["contract", "stacks"],
  runbooks: ["contract"],
  policies: [],
  devnet: ["contract"],
  tools: [],
  bin: ["contract", "stacks", "config", "fleet", "runbooks", "policies", "devnet", "tools"],
};
const folders = [...Object.keys(mayImport), "test"];
const inFolders = (names) => `^(${names.join("|")})/`;

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(mayImport).map(([layer, allowed]) => ({
      name: `arrows-of-${layer}`,
      comment: `${layer} may import ${allowed.length === 0 ? "no other folder" : allowed.join(", ")}`,
      severity: "error",
      from: { path: `^${layer}/` },
      to: { path: inFolders(folders.filter((folder) => folder !== layer && !allowed.includes(folder))) },
    })),
    {
      name: "no-cycles",
      comment: "two files that need each other are one file, or lack a third",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "contract-is-zod-only",
      comment: "the contract is data that everybody can load",
      severity: "error",
      from: { path: "^contract/" },
      to: { dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer"], pathNot: "(^|/)node_modules/zod/" },
    },
    {
      name: "program-entry-is-never-imported",
      comment: "importing stacks/index.ts runs a Pulumi program; stacks/program.ts builds one",
      severity: "error",
      from: {},
      to: { path: "^stacks/index\\.ts$" },
    },
    {
      name: "shipped-code-needs-shipped-packages",
      comment: "a development dependency is not there where the package is installed",
      severity: "error",
      from: { path: inFolders(Object.keys(mayImport).filter((layer) => layer !== "tools")) },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "resolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: join(__dirname, "tsconfig.json") },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};
