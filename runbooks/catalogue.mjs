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
  {
    name: "report",
    systems: ["zama-kms"],
    risk: "read-only",
    summary:
      "Join what every party saw of its own links into one report: own parties are probed, the others' signed halves are verified.",
    file: "network/report",
  },
  {
    name: "certificates",
    systems: ["zama-kms"],
    risk: "read-only",
    summary:
      "Compare every party's own CA certificate with every peer's copy of it, with the party's name and with its signing key.",
    file: "zama-kms/certificates",
  },
  {
    name: "cluster-check",
    systems: ["zama-kms"],
    risk: "read-only",
    summary:
      "Check what each party's core runs in: its nodes, device plugin, enclave, configuration, pod, warnings and health.",
    file: "zama-kms/cluster-check",
  },
  {
    name: "doctor",
    systems: ["zama-kms"],
    risk: "read-only",
    summary:
      "Find what is wrong: look at links, clusters, certificates, logs and AWS at once, and name the causes, whose they are and what to do.",
    file: "zama-kms/doctor",
  },
  {
    name: "bandwidth",
    systems: ["zama-kms"],
    risk: "reversible",
    summary: "Have each core measure its links to all peers, and compare rate and latency with the recorded baseline.",
    file: "zama-kms/bandwidth",
  },
];
