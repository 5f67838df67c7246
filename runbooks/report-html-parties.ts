import type { LinkReport, PartyReport, ValidateReport } from "../contract/validate-report.ts";
import type { Verdict } from "../contract/verdict.ts";
import { latencyQuantiles, linksOfParties } from "./party-links.ts";
import { age, box, cellKinds, escaped, minute, ms, none, section, short } from "./report-html-markup.ts";
import { ranges } from "./report-text.ts";

/** A row for each party: whether it is well, what it runs, and where that is known from. */
export function renderPartiesHtml(report: ValidateReport): string {
  const links = linksOfParties(report);
  const columns = ["verdict", "core", "links up", "outbound TLS", "certificate", "release", "manifest", "seen"];
  const rows = report.parties.map((party) => {
    const { outbound = [], inbound = [] } = links.get(party.partyId) ?? {};
    const up = (list: readonly LinkReport[]) => list.filter(({ verdict }) => verdict.status === "OK").length;
    const cells = [
      verdictCell(party.verdict),
      coreCell(party),
      `<span class="nowrap">out ${up(outbound)} of ${outbound.length}</span><span class="sub nowrap">in ${up(inbound)} of ${inbound.length}</span>`,
      latencyCell(outbound),
      certificateCell(inbound, report),
      party.release === null
        ? none(party.seenAt === null && party.halfDigest === null ? "not known" : "none known")
        : `<bdi>${escaped(party.release.version)}</bdi><span class="sub mono nowrap">${escaped(party.release.imageDigest.slice(7, 15))}…</span>`,
      manifestCell(party, report),
      seenCell(party, report),
    ];
    return `<tr><th scope="row"><span class="who"><b>${party.partyId}</b> <bdi>${escaped(party.name, 400)}</bdi></span></th>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
  });
  return section(
    "parties",
    "Parties",
    `${box("Table of the parties", report.parties.length > 16 ? "tall" : "")}<table class="list people"><caption>What is known of each party</caption><thead><tr><th scope="col">party</th>${columns.map((name) => `<th scope="col">${name}</th>`).join("")}</tr></thead><tbody>${rows.join("\n")}</tbody></table></div>`,
  );
}

function verdictCell(verdict: Verdict): string {
  const tag = (text: string) => `<span class="tag ${cellKinds[verdict.status]}">${text}</span>`;
  if (verdict.status === "OK") return tag("OK");
  const [head, rest] =
    verdict.status === "FAIL" ? [`FAIL`, `${verdict.code}  ${verdict.detail}`] : ["could not tell", verdict.reason];
  return `${tag(head)}<span class="sub"><bdi class="clip">${escaped(rest, 1_000)}</bdi></span>`;
}

function coreCell({ pod, view }: PartyReport): string {
  const core =
    view === null
      ? none("not asked")
      : view.status === "answered"
        ? `<span class="nowrap">${escaped(view.contextStatus)}, reaches ${view.nodesReachable}</span>`
        : `<bdi class="clip">${escaped(`silent: ${view.detail}`, 400)}</bdi>`;
  const text =
    pod === null
      ? "no pod seen"
      : `${pod.name}: ${pod.phase}, ${pod.ready ? "ready" : "not ready"}${pod.reason === null ? "" : `, ${pod.reason}`}`;
  return `${core}<span class="sub"><bdi class="clip">${escaped(text, 600)}</bdi></span>`;
}

function latencyCell(outbound: readonly LinkReport[]): string {
  const [half, most, worst] = latencyQuantiles(outbound, "tls").map(([, value]) => ms(value));
  if (half === undefined) return none("not measured");
  return `<span class="nowrap">p50 ${half} ms</span><span class="sub nowrap">p90 ${most}, max ${worst}</span>`;
}

/** What its peers were shown. They should all have been shown the same. */
function certificateCell(inbound: readonly LinkReport[], report: ValidateReport): string {
  const seen = inbound.flatMap(({ from, probe }) => (probe?.certificate ? [{ from, ...probe.certificate }] : []));
  const kinds = [...Map.groupBy(seen, (one) => `${one.commonName} ${one.notBefore} ${one.notAfter}`).values()];
  if (kinds.length === 0) return none("not seen");
  return kinds
    .slice(0, 3)
    .map((same) => {
      const [one] = same;
      if (one === undefined) return "";
      const late = Date.parse(one.notAfter) < Date.parse(report.startedAt);
      const early = Date.parse(one.notBefore) > Date.parse(report.startedAt);
      const words = late
        ? '<span class="tag x">expired</span> '
        : early
          ? '<span class="tag x">not yet valid</span> '
          : "";
      return `<span class="nowrap">${words}until ${minute(one.notAfter)}</span><span class="sub nowrap">from ${minute(one.notBefore)}</span><span class="sub"><bdi>${escaped(short(one.commonName, 80))}</bdi>${kinds.length > 1 ? `, seen by ${ranges(same.map(({ from }) => from))}` : ""}</span>`;
    })
    .join("");
}

function manifestCell({ manifestDigest }: PartyReport, report: ValidateReport): string {
  if (manifestDigest === null) return none("not known");
  const digest = `<span class="sub mono nowrap">${escaped(manifestDigest.slice(7, 15))}…</span>`;
  return manifestDigest === report.manifestDigest ? `same${digest}` : `<span class="tag x">differs</span>${digest}`;
}

function seenCell({ seenAt, halfDigest }: PartyReport, report: ValidateReport): string {
  if (halfDigest !== null)
    return `<span class="nowrap">signed half</span><span class="sub">${seenAt === null ? "" : `${age(seenAt, report.startedAt)} before<br>`}<span class="mono nowrap">${escaped(halfDigest.slice(7, 15))}…</span></span>`;
  return seenAt === null ? none("not looked at") : `from here<span class="sub">${minute(seenAt)}</span>`;
}
