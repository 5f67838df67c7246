import { CertificatesReport } from "../../contract/certificates-report.ts";
import { ClusterCheckReport, clusterChecks } from "../../contract/cluster-check-report.ts";
import type { Finding } from "../../contract/verdict.ts";

const when = { startedAt: "2026-11-20T18:55:02.000Z", durationMs: 812 };
const of = { network: "devnet", environment: "devnet", manifestDigest: `sha256:${"e".repeat(64)}` };
const ids = (n: number) => Array.from({ length: n }, (_, index) => index + 1);

const finding = (code: string, party: number): Finding => ({
  code,
  party,
  field: `what party ${party} has as the certificate of party 1, in its public vault and beside its card`,
  found: "a certificate of another key than the one that party 1 signs with, which was valid until yesterday evening",
  expected: `sha256:${"4f".repeat(32)}, as in party 1's own public vault`,
  next: `npx quorate cards sync --network devnet, then: npx quorate up --party ${party}; a new certificate has to reach everybody`,
});

/** A judged comparison of certificates, in which the last party has none of the first and the second could not be read. */
export function certificatesReport(n: number): CertificatesReport {
  const unknown = { status: "UNKNOWN", reason: "the vault did not answer in time" } as const;
  const wrong = { status: "FAIL", code: "CERTIFICATE_COPY_DIFFERS", detail: "another certificate" } as const;
  return CertificatesReport.parse({
    schema: "quorate/certificates/v1",
    ...of,
    ...when,
    verdict: "FAIL",
    findings: [finding("CERTIFICATE_COPY_DIFFERS", n), finding("COULD_NOT_TELL", 2)],
    copiesEqual: n * (n - 1) - 2,
    copiesTotal: n * (n - 1),
    parties: ids(n).map((partyId) => ({
      partyId,
      name: `the-operators-of-party-${partyId}`,
      verdict: partyId === 2 ? unknown : { status: "OK" },
      certificate: null,
    })),
    copies: ids(n).flatMap((holder) =>
      ids(n)
        .filter((id) => id !== holder)
        .map((id) => ({ holder, of: id, verdict: holder === n && id === 1 ? wrong : { status: "OK" }, sha256: null })),
    ),
  });
}

/** A judged look at clusters, of which one has a node that is too small. */
export function clusterCheckReport(n: number): ClusterCheckReport {
  return ClusterCheckReport.parse({
    schema: "quorate/cluster-check/v1",
    ...of,
    ...when,
    verdict: "FAIL",
    findings: [finding("NODE_TOO_SMALL", 1)],
    partiesTotal: n,
    parties: ids(n).map((partyId) => ({
      partyId,
      name: `party-${partyId}`,
      verdict: partyId === 1 ? "FAIL" : "OK",
    })),
    checks: ids(n).flatMap((party) =>
      clusterChecks.map((check) => {
        const bad = party === 1 && check === "allocatable";
        const words = { found: "as it should be", expected: "as it is", next: bad ? "give it more" : "" };
        return { party, check, verdict: bad ? "FAIL" : "OK", code: bad ? "NODE_TOO_SMALL" : null, ...words };
      }),
    ),
  });
}
