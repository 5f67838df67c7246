// Names and headers of all runbooks, in plain JavaScript so that listing them loads nothing else. A test keeps them equal to the declarations.

/** @type {{ name: string, systems: string[], risk: string, summary: string, file: string }[]} */
export const catalogue = [
  {
    name: "validate",
    systems: ["zama-kms"],
    risk: "read-only",
    summary:
      "Prove every directed link of the network: path, certificate, release, and what each core says of the others.",
    file: "network/validate",
  },
];
