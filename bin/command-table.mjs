// Plain data in plain JavaScript: help, suggestions and completion answer from here, before anything else is loaded.

/** @typedef {{ usage: string, summary: string, options?: Record<string, string>, examples?: string[], words?: string[] }} Command */

const party = { "--party <id>[,…]": "one party, or several", "--all": "every party whose stack file lies here" };
const network = { "--network <name>": "which network (else QUORATE_NETWORK, else the one chosen by `use`)" };
const verbose = { "--verbose": "list also what is new, where it is much" };
const format = { "--format <f>": "table (default) or json" };

/** @type {Record<string, Command>} */
export const commands = {
  demo: {
    usage: "npx quorate demo",
    summary: "Stand a network of four parties up on this machine, and validate it.",
    examples: ["npm run demo"],
  },
  validate: {
    usage:
      "npx quorate validate [--stage link|network] [--party <id>] [--wait <minutes>] [--timeout <ms>] [--format table|json|markdown|junit|html|prometheus]",
    summary:
      "Prove every directed link of the network: path, certificate, release, and what each core says of the others.",
    options: {
      "--stage <s>": "link (default), or network: before any core runs",
      "--party <id>[,…]": "ask only these parties (default: all whose stack files lie here)",
      "--wait <minutes>": "go on until every path is open and every peer came by, this long at the most",
      "--timeout <ms>": "deadline of one link for DNS, TCP and TLS together (default 5000)",
      "--format <f>": "table (default), json, markdown, junit, html or prometheus",
      ...network,
    },
    examples: [
      "npx quorate validate",
      "npx quorate validate --stage network",
      "npx quorate validate --format json | jq .findings",
    ],
  },
  report: {
    usage:
      "npx quorate report [--stage link|network] [--max-age <minutes>] [--published] [--from <folder>] [--wait <minutes>] [--timeout <ms>] [--format table|json|markdown|junit|html|prometheus]",
    summary:
      "Join what every party saw of its own links, signed, with what can be seen from here: the whole network from first hand.",
    options: {
      "--stage <s>": "link (default), or network: before any core runs",
      "--max-age <minutes>": "the oldest half that counts (default 15)",
      "--published": "take one's own parties' halves as published too, and ask no cluster",
      "--from <folder>": "a folder that holds the halves (default: each party's public vault)",
      "--wait <minutes>": "go on with one's own parties until every path is open, this long at the most",
      "--timeout <ms>": "deadline of one link for DNS, TCP and TLS together (default 5000)",
      "--format <f>": "table (default), json, markdown, junit, html or prometheus",
      ...network,
    },
    examples: ["npx quorate report", "npx quorate report --stage network", "npx quorate report --from ../our-network"],
  },
  watch: {
    usage:
      "npx quorate watch [--interval <seconds>] [--stage link|network] [--party <id>] [--max-age <minutes>] [--published] [--from <folder>] [--timeout <ms>] [--port <port>] [--keep <hours>] [--format table|json]",
    summary: "Validate again and again, and show to this machine what is and what was: a page, metrics, a history.",
    options: {
      "--interval <seconds>": "how often (default 60); a round that takes longer makes the next one late",
      "--stage <s>": "link (default), or network: before any core runs",
      "--party <id>[,…]": "ask only these parties, and nobody's halves (default: as `report` does)",
      "--max-age <minutes>": "the oldest half that counts (default 15)",
      "--published": "take one's own parties' halves as published too, and ask no cluster",
      "--from <folder>": "a folder that holds the halves (default: each party's public vault)",
      "--timeout <ms>": "deadline of one link for DNS, TCP and TLS together (default 5000)",
      "--port <port>": "where on 127.0.0.1 it is served (default: a free one, which is printed)",
      "--keep <hours>": "how long the history reaches back (default 168)",
      "--format <f>": "table (default): a line for each change; or json: the same as JSON lines",
      ...network,
    },
    examples: [
      "npx quorate watch",
      "npx quorate watch --interval 30 --port 9470",
      "npx quorate watch --party 3 --format json | jq .verdict",
    ],
  },
  reports: {
    usage:
      "npx quorate reports publish|export [--party <id>,… | --all] [--run <run-id>] [--to <folder>] [--format table|json]",
    summary: "Sign what the last validation saw of one's own parties, and hand it to the others.",
    words: ["publish", "export"],
    options: {
      publish: "put each party's signed half into its public vault, beside its card",
      "export [--to <folder>]": "write the signed halves to files (default: here)",
      "--run <run-id>": "of that run instead of the last validation",
      ...party,
      ...format,
      ...network,
    },
    examples: [
      "npx quorate validate; npx quorate reports publish",
      "npx quorate reports publish --all",
      "npx quorate reports export --to ../our-network",
    ],
  },
  doctor: {
    usage:
      "npx quorate doctor [symptom words…] [--party <id>[,…]] [--timeout <ms>] [--format table|json|markdown|junit]",
    summary: "Find what is wrong: causes in order, whose they are, what shows them, and the command to run next.",
    options: {
      "--party <id>[,…]": "whom it is about (default: all whose stack files lie here)",
      "--timeout <ms>": "deadline of each question, and of each link (default 5000)",
      "--format <f>": "table (default), json, markdown or junit",
      ...network,
    },
    examples: [
      "npx quorate doctor",
      "npx quorate doctor party 3 does not answer",
      "npx quorate doctor --party 2 'Could not decrypt data key: service error'",
    ],
  },
  collect: {
    usage:
      "npx quorate collect [--party <id>] [--to <folder>] [--since <minutes>] [--timeout <ms>] [--debug-container [--yes]] [--format table|json]",
    summary: "Pack what the parties' clusters and clouds show into one file, without secrets, for whoever is to help.",
    options: {
      "--party <id>[,…]": "of these parties only (default: all whose stack files lie here)",
      "--to <folder>": "where the file goes (default: here)",
      "--since <minutes>": "logs no older than this (default: as far as there are any, within bounds)",
      "--timeout <ms>": "deadline of each question (default 30000)",
      "--debug-container": "add a container to the core's pod, which looks at its node; shown, and asked for, before",
      "--yes": "do not ask",
      ...format,
      ...network,
    },
    examples: ["npx quorate collect --party 3", "npx quorate collect --since 60 --to /tmp"],
  },
  preview: {
    usage: "npx quorate preview (--party <id> | --all) [--verbose] [--format table|json|markdown]",
    summary: "Show what `up` would change. Changes nothing.",
    options: { ...party, ...verbose, "--format <f>": "table (default), json or markdown", ...network },
    examples: ["npx quorate preview --party 1", "npx quorate preview --all --format markdown"],
  },
  up: {
    usage: "npx quorate up (--party <id> | --all) [--yes] [--verbose] [--format table|json]",
    summary: "Preview, ask, then bring the parties to what their stack files say.",
    options: { ...party, "--yes": "do not ask: the preview is the plan", ...verbose, ...format, ...network },
    examples: ["npx quorate up --party 3", "npx quorate up --all --yes"],
  },
  outputs: {
    usage: "npx quorate outputs (--party <id> | --all) [--format table|json]",
    summary: "Print what the parties export: names and addresses, never a secret.",
    options: { ...party, ...format, ...network },
    examples: ["npx quorate outputs --party 1", "npx quorate outputs --all --format json"],
  },
  cards: {
    usage: "npx quorate cards publish|sync|list|show|trust|export|import|certificates",
    summary: "Exchange what parties need to know of each other: signed cards instead of e-mails.",
    words: ["publish", "sync", "list", "show", "trust", "export", "import", "certificates"],
    options: {
      "publish [--party <id>,… | --all]": "sign the party's card and put it into its public vault",
      "trust <party> <fingerprint>": "write down whose key signs a party's cards, as the party itself told it",
      "  --url <address>": "where the party publishes its card",
      "  --replace": "instead of the key by which the party was known",
      "trust --own [--replace]": "write down the keys of all parties whose stacks lie here: their own KMS tells them",
      "sync [--from <folder>]": "fetch every trusted party's card, verify it, take it over",
      list: "the cards that are in force, and what is wrong with each",
      "show <party>": "one party's card, field by field",
      "export [--to <folder>]": "write the own published card to a file",
      "import <file>…": "verify cards that came by hand, and take them over",
      "certificates [--party <id>] [--replace]":
        "copy CA certificates of live peers without a card into the own public vault",
      ...format,
      ...network,
    },
    examples: [
      "npx quorate cards publish",
      "npx quorate cards trust 2 sha256:<64 digits> --url https://…/PUB-p2/PartyCard/card-v1.jws",
      "npx quorate cards sync && npx quorate up",
      "npx quorate cards sync --from ../our-network",
    ],
  },
  runbooks: {
    usage: "npx quorate runbooks [--format table|json]",
    summary: "List the runbooks with their risk.",
    options: format,
    examples: ["npx quorate runbooks"],
  },
  run: {
    usage:
      "npx quorate run <runbook> [--plan] [--confirm <digest>] [--format table|json|markdown|junit|html|prometheus] [inputs]",
    summary: "Show a runbook's plan, ask according to its risk, run it and keep the evidence.",
    options: {
      "--plan": "stop after the plan",
      "--confirm <digest>": "run only the plan that was reviewed",
      "--format <f>": "table (default), json, markdown, junit, html or prometheus",
      ...network,
    },
    examples: ["npx quorate run validate --plan", "npx quorate run validate --stage network"],
  },
  resume: {
    usage: "npx quorate resume <run-id>",
    summary: "Go on with a run that was interrupted; what is done is skipped.",
    examples: ["npx quorate resume 20261120-185204-validate-7f3a"],
  },
  devnet: {
    usage: "npx quorate devnet up|down|status|fault|env",
    summary: "A whole network on this machine: real control planes, simulated cloud, simulated cores.",
    words: ["up", "down", "status", "fault", "env"],
    options: {
      up: "start it, or bring it back from wherever it was killed",
      "  --network <name>": "which network (else QUORATE_NETWORK, else the one chosen by `use`, else the only one)",
      "  --no-exchange": "CA certificates reach the peers by party cards only, as in production",
      "  --transport <privatelink|kubeip>": "how parties reach each other, where not as the manifest says",
      "down [--keep]": "stop every process; the state goes too, unless --keep",
      "status [--format table|json]": "cores, processes, addresses and faults",
      "fault cut <i> <j>": "cut the link from i to j (one direction)",
      "fault slow <i> <j> <ms>": "delay the link from i to j",
      "fault reset <i> <j>": "reset connections from i to j",
      "fault kill <i>": "kill the core of party i, and keep it down",
      "fault hang <i>": "freeze the core of party i: it accepts, and says nothing",
      "fault expire-cert <i>": "serve an expired certificate",
      "fault wrong-release <i>": "run an enclave that nobody trusts",
      "fault cn-mismatch <i>": "give certificates of party i the name kms-core-<i>",
      "fault enclave-stopped <i>": "end the enclave of party i; its container runs",
      "fault rate-limit <i>": "use up the rate limiter of party i",
      "fault skew-clock <i> <s>": "put the enclave's clock of party i ahead by s seconds; behind: -s",
      "fault no-prss <i>": "let the core of party i have no PRSS setup",
      "fault lose-peer-cert <i> <j>": "take party j's CA certificate out of the vault of party i",
      "fault wrong-pcr <i>": "let the key policy of party i name another enclave",
      "fault deny-vault <i>": "let the private vault of party i refuse its core",
      "fault pending-endpoint <i> <j>": "have the endpoint of party i to party j wait to be accepted",
      "fault firewall <i> <j>": "close a security group to what party i sends to party j",
      "fault dns-lost <i> <j>": "take the name of party j from the cluster of party i",
      "fault small-allocator <i>": "have the node of party i set less aside than an enclave needs",
      "fault no-device-plugin <i>": "take the device plugin from the cluster of party i",
      "fault node-down <i>": "lose the node that the core of party i runs on",
      "fault config-lost <i>": "take the ConfigMap that the core of party i starts with",
      "fault token-denied <i>": "have the role of party i's core trust another service account",
      "fault heal": "end every fault",
      "env --party <i>": "print exports that make pulumi, kubectl and helm work against party i",
    },
    examples: [
      "npx quorate devnet up",
      "npx quorate devnet fault cut 2 3",
      'eval "$(npx quorate devnet env --party 2)"',
    ],
  },
  kubeconfig: {
    usage: "npx quorate kubeconfig --party <id>",
    summary: "Write a kubeconfig of 14 minutes for one party's cluster, and print its path.",
    options: { "--party <id>": "one party", ...network },
    examples: ['KUBECONFIG="$(npx quorate kubeconfig --party 2)" kubectl get pods'],
  },
  use: {
    usage: "npx quorate use <network>",
    summary: "Choose the network that the next commands are about.",
    examples: ["npx quorate use devnet"],
  },
  setup: {
    usage: "npx quorate setup",
    summary: "Provide the pinned tools that Quorate runs: from PATH, else built, else the vendors' releases.",
    examples: ["npx quorate setup"],
  },
  tools: {
    usage: "npx quorate tools [--format table|json]",
    summary: "List the tools that Quorate runs: version, and where each came from.",
    options: format,
    examples: ["npx quorate tools"],
  },
  completion: {
    usage: "npx quorate completion bash|zsh|fish",
    summary: "Print the completion script of a shell.",
    words: ["bash", "zsh", "fish"],
    examples: ['eval "$(npx quorate completion bash)"'],
  },
};

/** Options that every command takes. */
export const commonOptions = { "--help": "this text" };
