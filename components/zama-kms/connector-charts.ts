import type { ConnectorAgreement } from "../../contract/optional-releases.ts";
import type { ChartProblem } from "./chart-versions.ts";

/** What one version of the kms-connector chart reads. A value that it does not read would be dropped without a word. */
interface ConnectorChart {
  /** Where the contracts KMSGeneration and, beside it, KMSVerifier or ProtocolConfig are looked for. */
  generationOn: "gateway" | "ethereum";
}

const onGateway: ConnectorChart = { generationOn: "gateway" };
const onEthereum: ConnectorChart = { generationOn: "ethereum" };

/** 1.4.0 had another way to the contracts on Ethereum: none. @see https://github.com/zama-ai/fhevm/commits/main/charts/kms-connector/Chart.yaml */
const charts: Readonly<Record<string, ConnectorChart>> = {
  "1.4.1": onGateway,
  "1.4.2": onGateway,
  "1.5.0": onGateway,
  "1.5.1": onGateway,
  "1.5.2": onGateway,
  "1.5.3": onEthereum,
  "1.5.4": onEthereum,
  "1.5.5": onEthereum,
  "1.5.6": onEthereum,
};

/** Versions of the chart whose values we know, oldest first. */
export const knownConnectorCharts: readonly string[] = Object.keys(charts);

/** What a version of the chart reads, or undefined where we do not know. */
export function connectorChart(version: string): ConnectorChart | undefined {
  return Object.hasOwn(charts, version) ? charts[version] : undefined;
}

/** What the manifest asks of the connector's chart that this version of it would not do. */
export function connectorChartProblems({ chart, ethereum }: ConnectorAgreement): ChartProblem[] {
  const known = connectorChart(chart.version);
  if (known === undefined)
    return [
      {
        field: "connector.chart.version",
        found: chart.version,
        expected: `one of ${knownConnectorCharts.join(", ")}`,
      },
    ];
  const [read, unread] =
    known.generationOn === "gateway"
      ? (["kmsVerifier", "protocolConfig"] as const)
      : (["protocolConfig", "kmsVerifier"] as const);
  const problems: (ChartProblem | false)[] = [
    ethereum[read] === undefined && {
      field: `connector.ethereum.${read}`,
      found: "nothing",
      expected: `the address of the contract, which chart ${chart.version} reads`,
    },
    ethereum[unread] !== undefined && {
      field: `connector.ethereum.${unread}`,
      found: `an address that chart ${chart.version} does not read`,
      expected: `only ${read}`,
    },
  ];
  return problems.filter((problem) => problem !== false);
}
