// Names and headers of all runbooks, in plain JavaScript so that listing them loads nothing else. A test keeps them equal to the declarations.

/** @type {{ name: string, systems: string[], risk: string, summary: string, file: string }[]} */
export const catalogue = [
  {
    name: "validate",
    systems: ["zama-kms"],
    risk: "read-only",
    summary: "Probe every link between the parties and say which are up, whose fault it is if not, and what to do.",
    file: "network/validate",
  },
];
