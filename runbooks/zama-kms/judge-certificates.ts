import type {
  CertificateFacts,
  CertificateSights,
  CertificatesReport,
  FoundCertificate,
} from "../../contract/certificates-report.ts";
import { type Finding, fail, ok, summarise, unknown, type Verdict } from "../../contract/verdict.ts";

type Party = CertificateSights["parties"][number];
type Copy = CertificatesReport["copies"][number];

/** From what lies in the vaults to what it means. Pure: the same sights give the same report. */
export function judgeCertificates(seen: CertificateSights): CertificatesReport {
  const parties = seen.parties.map((party) => ({
    partyId: party.partyId,
    name: party.name,
    verdict: ownVerdict(party, new Date(seen.startedAt)),
    certificate: party.own.status === "found" ? party.own.value : null,
  }));
  const owners = new Map(seen.parties.map((party) => [party.partyId, party.own]));
  const copies = seen.parties.flatMap((party) =>
    party.copies.map(({ of, copy }): Copy => {
      const sha256 = copy.status === "found" ? copy.value.sha256 : null;
      return { holder: party.partyId, of, verdict: copyVerdict(copy, owners.get(of)), sha256 };
    }),
  );
  const { network, environment, startedAt, durationMs, manifestDigest } = seen;
  return {
    schema: "quorate/certificates/v1",
    network,
    environment,
    verdict: summarise([...parties, ...copies].map(({ verdict }) => verdict)),
    findings: [...ownFindings(seen, parties), ...copyFindings(seen, copies)],
    startedAt,
    durationMs,
    manifestDigest,
    copiesEqual: copies.filter(({ verdict }) => verdict.status === "OK").length,
    copiesTotal: copies.length,
    parties,
    copies,
  };
}

function ownVerdict({ own, host, address }: Party, now: Date): Verdict {
  switch (own.status) {
    case "unknown":
      return unknown(own.reason);
    case "absent":
      return fail("CA_CERTIFICATE_NOT_PUBLISHED", "there is no CA certificate of it in its own public vault");
    case "unreadable":
      return fail("CA_CERTIFICATE_UNREADABLE", own.detail);
  }
  const wrong = mistakeOf(own.value, host, now);
  if (wrong !== undefined) return wrong;
  if (address.status === "unknown") return unknown(`its signing key's address: ${address.reason}`);
  if (address.status === "unreadable") return fail("CA_CERTIFICATE_KEY_WRONG", address.detail);
  if (address.status === "absent") return unknown("its core published no address of its signing key to compare with");
  if (address.value === own.value.address) return ok;
  return fail(
    "CA_CERTIFICATE_KEY_WRONG",
    `the certificate's key is ${own.value.address}, its signing key ${address.value}`,
  );
}

/** What is wrong with a certificate by itself. */
export function mistakeOf(certificate: CertificateFacts, host: string, now: Date): Verdict | undefined {
  const { commonName, dnsNames, authority, curve, notBefore, notAfter } = certificate;
  if (commonName !== host || !dnsNames.includes(host))
    return fail("CA_CERTIFICATE_NAME_WRONG", `CN ${commonName || "none"}, SAN ${dnsNames.join(", ") || "none"}`);
  if (!authority) return fail("CA_CERTIFICATE_NO_AUTHORITY", "it is no CA, or did not sign itself");
  if (curve !== "secp256k1") return fail("CA_CERTIFICATE_KEY_WRONG", `a key of ${curve}, not of secp256k1`);
  if (now < new Date(notBefore) || now > new Date(notAfter))
    return fail("CA_CERTIFICATE_EXPIRED", `good from ${notBefore} to ${notAfter}`);
  return undefined;
}

function copyVerdict(copy: FoundCertificate, own: FoundCertificate | undefined): Verdict {
  switch (copy.status) {
    case "unknown":
      return unknown(copy.reason);
    case "absent":
      if (own?.status === "absent") return unknown("its owner has published none that could be copied");
      return fail("CA_COPY_MISSING", "there is no copy");
    case "unreadable":
      return fail("CA_COPY_UNREADABLE", copy.detail);
  }
  if (own?.status !== "found")
    return unknown("its owner's certificate is not known, so the copy compares with nothing");
  if (copy.value.sha256 === own.value.sha256) return ok;
  return fail(
    "CA_COPY_DIFFERS",
    `the copy is ${shortened(copy.value.sha256)}, the original ${shortened(own.value.sha256)}`,
  );
}

/* What to do about it. */

const ownNext: Record<string, (party: Party) => string> = {
  CA_CERTIFICATE_NOT_PUBLISHED: ({ partyId }) =>
    `party ${partyId} runs: npx quorate run certificates --generate --party ${partyId}; where it has no release of the core yet: npx quorate up --party ${partyId}`,
  CA_CERTIFICATE_UNREADABLE: ({ partyId }) =>
    `party ${partyId} leaves exactly one object in its CACert folder, and one certificate in it`,
  CA_CERTIFICATE_NAME_WRONG: ({ partyId }) =>
    `party ${partyId} has its certificate made again under that name (kmsCore.addressOverride): npx quorate up --party ${partyId}`,
};

function ownFindings(seen: CertificateSights, parties: CertificatesReport["parties"]): Finding[] {
  return parties.flatMap(({ partyId, verdict }): Finding[] => {
    const party = seen.parties.find((one) => one.partyId === partyId);
    if (verdict.status === "OK" || party === undefined) return [];
    const field = `party ${partyId}`;
    if (verdict.status === "UNKNOWN")
      return [
        {
          code: "COULD_NOT_TELL",
          party: partyId,
          field,
          found: verdict.reason,
          expected: "an answer from its public vault",
          next: `ask party ${partyId} whether the world can read its public vault; who knows its address: npx quorate cards trust ${partyId} <fingerprint> --url <address>`,
        },
      ];
    const next =
      ownNext[verdict.code]?.(party) ?? `ask party ${partyId} how its certificate was made: a core makes its own`;
    const expected = `one CA certificate of its signing key, CN and SAN ${party.host}`;
    return [{ code: verdict.code, party: partyId, field, found: verdict.detail, expected, next }];
  });
}

/** One finding for each owner whose copies all lag behind, else for each holder and kind. */
function copyFindings(seen: CertificateSights, copies: readonly Copy[]): Finding[] {
  const failing = copies.filter(({ verdict }) => verdict.status === "FAIL");
  const lagging = new Set(
    seen.parties.map(({ partyId }) => partyId).filter((of) => isEverywhereOld(copies.filter((copy) => copy.of === of))),
  );
  const rotated = [...lagging].map((of): Finding => {
    const stale = failing.filter((copy) => copy.of === of);
    return {
      code: "CA_CERTIFICATE_ROTATED",
      party: of,
      field: `copies of party ${of}`,
      found: `none of its ${stale.length} peers has the certificate that it publishes; all have ${shortened(stale[0]?.sha256 ?? "")}`,
      expected: "the copies follow the original",
      next: `each peer runs: npx quorate cards sync, then: npx quorate up; one after the other, for each restarts its core. Had party ${of} not said so: ask it first`,
    };
  });
  const groups = Map.groupBy(
    failing.filter(({ of }) => !lagging.has(of)),
    ({ holder, verdict }) => `${holder} ${verdict.status === "FAIL" ? verdict.code : ""}`,
  );
  return [...rotated, ...[...groups.values()].flatMap(holderFinding), ...unseenVaults(seen)];
}

function isEverywhereOld(copies: readonly Copy[]): boolean {
  const digests = new Set(copies.map(({ sha256 }) => sha256));
  const differ = copies.every(({ verdict }) => verdict.status === "FAIL" && verdict.code === "CA_COPY_DIFFERS");
  return copies.length >= 2 && differ && digests.size === 1;
}

function holderFinding(copies: readonly Copy[]): Finding[] {
  const [first] = copies;
  if (first?.verdict.status !== "FAIL") return [];
  const { holder, verdict } = first;
  return [
    {
      code: verdict.code,
      party: holder,
      field: `copies that party ${holder} has`,
      found: copies
        .map(({ of, verdict: one }) => `of party ${of}: ${one.status === "FAIL" ? one.detail : ""}`)
        .join("\n"),
      expected: "each peer's certificate as the peer publishes it",
      next: `party ${holder} runs: npx quorate cards sync, then: npx quorate up --party ${holder}`,
    },
  ];
}

/** A vault whose own certificate could be read, and a copy in it could not. */
function unseenVaults({ parties }: CertificateSights): Finding[] {
  return parties.flatMap(({ partyId, own, copies }): Finding[] => {
    const unknowns = copies.flatMap(({ of, copy }) => (copy.status === "unknown" ? [{ of, reason: copy.reason }] : []));
    const [first] = unknowns;
    if (own.status === "unknown" || first === undefined) return [];
    return [
      {
        code: "COULD_NOT_TELL",
        party: partyId,
        field: `copies that party ${partyId} has`,
        found: `of part${unknowns.length === 1 ? "y" : "ies"} ${unknowns.map(({ of }) => of).join(", ")}: ${first.reason}`,
        expected: "an answer from its public vault",
        next: "repeat the command; if it stays so, ask the party whether the world can read its public vault",
      },
    ];
  });
}

function shortened(sha256: string): string {
  return `${sha256.slice(0, 12)}…`;
}
