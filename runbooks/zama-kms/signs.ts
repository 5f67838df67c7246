import type { ClusterSights } from "../../contract/cluster-check-report.ts";
import type { Evidence } from "../../contract/doctor-report.ts";
import type { Finding } from "../../contract/verdict.ts";
import { kubectlCommand } from "../kubectl-command.ts";
import { judge } from "../network/judge.ts";
import type { DoctorSights } from "./doctor-sights.ts";
import { judgeCertificates } from "./judge-certificates.ts";
import { judgeClusters } from "./judge-cluster.ts";
import { type Sign, type Signs, type Unseen, withheldSign } from "./sign.ts";
import { signsOfCloud } from "./signs-of-cloud.ts";
import { signsOfLinks } from "./signs-of-links.ts";
import { signsOfLogs, signsOfPages } from "./signs-of-logs.ts";

/** Everything that is not as it should be, and everything that nobody could see, from each source by its own rules. */
export function readSigns(seen: DoctorSights): Signs {
  const report = judge(seen.links);
  const all = [
    signsOfClusters(seen.clusters),
    signsOfLinks(seen, report),
    signsOfCertificates(seen),
    ...seen.closer.flatMap((closer) => [signsOfLogs(closer, seen, report), signsOfPages(closer)]),
    ...seen.closer.flatMap(({ cloud, facts }) =>
      cloud === null ? [] : [signsOfCloud(cloud, facts, seen.network, report)],
    ),
  ];
  return { signs: all.flatMap(({ signs }) => signs), unseen: all.flatMap(({ unseen }) => unseen) };
}

/* The clusters. */

const imageProblem = /ErrImagePull|ImagePullBackOff|InvalidImageName/;

function signsOfClusters(clusters: ClusterSights): Signs {
  const { checks, findings } = judgeClusters(clusters);
  const failed = checks.filter(({ verdict }) => verdict === "FAIL");
  const signs = failed.flatMap(({ party, code, found, expected, next }): Sign[] => {
    const sights = clusters.parties.find(({ partyId }) => partyId === party);
    if (code === null || code.startsWith("HEALTH_") || sights === undefined) return [];
    const pod = sights.pod.status === "seen" ? sights.pod.value : null;
    const named =
      code.startsWith("POD_") && pod?.lastTermination?.reason === "OOMKilled"
        ? "POD_OUT_OF_MEMORY"
        : code.startsWith("POD_") && imageProblem.test(pod?.problem ?? "")
          ? "IMAGE_NOT_PULLED"
          : code;
    const evidence = found.split("\n").map((line): Evidence => ({ source: "cluster", party, line }));
    return [{ code: named, party, links: [], certainty: "proved", found, expected, next, evidence }];
  });
  const withheld = clusters.parties.flatMap(({ partyId, withheld: why }): Sign[] =>
    why === null ? [] : [withheldSign(partyId, why)],
  );
  return {
    signs: [...signs, ...clusters.parties.flatMap(silentNode), ...withheld],
    unseen: findings.flatMap((finding) => unseenOfCluster(finding, clusters)),
  };
}

/** Where nothing on a node is ready any more, it is the node: Kubernetes takes most of a minute to notice. */
function silentNode({ partyId, pod, nodes, devicePlugin }: ClusterSights["parties"][number]): Sign[] {
  if (pod.status === "unknown" || nodes.status === "unknown" || devicePlugin.status === "unknown") return [];
  const name = pod.value?.node;
  const node = nodes.value.find((one) => one.name === name);
  const isEmpty = pod.value?.phase === "Running" && !pod.value.ready && devicePlugin.value?.ready === 0;
  if (!isEmpty || node === undefined || !node.ready || devicePlugin.value?.desired === 0) return [];
  const found = `${name} is Ready by its own last word, and neither its device plugin nor the core on it is`;
  return [
    {
      ...{ code: "NODE_NOT_READY", party: partyId, links: [], certainty: "likely", found },
      expected: "a node on which something is ready",
      next: `${kubectlCommand(partyId, `describe node ${name}`)}, in a minute again; and its instance in EC2`,
      evidence: [{ source: "cluster", party: partyId, line: found }],
    },
  ];
}

/** Health is asked of the core through the prober; what the core-client would say is no question of this one. */
function unseenOfCluster({ code, party, field, found }: Finding, { parties }: ClusterSights): Unseen[] {
  if (code !== "COULD_NOT_TELL" || party === null) return [];
  const sights = parties.find(({ partyId }) => partyId === party);
  const isHealthAlone = field.replace(/^party \d+: /, "") === "health";
  return isHealthAlone || found === sights?.withheld ? [] : [{ party, source: "cluster", reason: found }];
}

/* The certificates. */

function signsOfCertificates({ certificates }: DoctorSights): Signs {
  const { findings, copies } = judgeCertificates(certificates);
  const rotated = new Set(findings.filter(({ code }) => code === "CA_CERTIFICATE_ROTATED").map(({ party }) => party));
  const own = findings.filter(({ code }) => code.startsWith("CA_CERTIFICATE_"));
  const ofParties = own.flatMap(({ code, party, found, expected, next }): Sign[] =>
    party === null
      ? []
      : [
          {
            ...{ code, party, links: [], certainty: "proved", found, expected, next },
            evidence: [{ source: "certificates", party, line: found }],
          },
        ],
  );
  const ofCopies = copies.flatMap(({ holder, of, verdict }): Sign[] => {
    if (verdict.status !== "FAIL" || rotated.has(of)) return [];
    const found = `in its vault, of party ${of}: ${verdict.detail}`;
    return [
      {
        ...{ code: verdict.code, party: holder, links: [{ from: holder, to: of }], certainty: "proved", found },
        expected: `the CA certificate of party ${of} as that publishes it`,
        next: `party ${holder} runs: npx quorate cards sync, then: npx quorate up --party ${holder}; or, of live peers without a card: npx quorate cards certificates --party ${holder}`,
        evidence: [{ source: "certificates", party: holder, line: found }],
      },
    ];
  });
  const unseen = findings.flatMap(({ code, party, field, found }): Unseen[] =>
    code === "COULD_NOT_TELL" && party !== null
      ? [{ party, source: "certificates", reason: field === `party ${party}` ? found : `${field}: ${found}` }]
      : [],
  );
  return { signs: [...ofParties, ...ofCopies], unseen };
}
