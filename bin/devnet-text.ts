import { addressesOf, ports } from "../devnet/addresses.ts";
import type { DevnetStatus } from "../devnet/devnet.ts";
import { faultText } from "../devnet/fault.ts";
import { renderTable } from "./terminal.ts";

/** What a devnet is made of, for a terminal: cores, programs with their processes and addresses, faults. */
export function renderDevnet(found: DevnetStatus, columns?: number): string {
  const at = addressesOf(found.k);
  const cores = found.parties.map((party) => [
    `party ${party.partyId}`,
    party.core,
    at.core(party.partyId),
    party.pod ?? "",
    party.bootId === null ? "" : `boot ${party.bootId.slice(0, 8)}`,
    party.detail === party.core ? "" : (party.detail ?? ""),
  ]);
  const serving = found.programs.filter((program) => program.state === "serving").length;
  return [
    renderTable(cores, columns),
    `${serving} of ${found.programs.length} programs serve`,
    renderTable(programRows(found), columns),
    `faults: ${found.faults.map(faultText).join(", ") || "none"}`,
  ].join("\n");
}

/** A row for each program that is there once, and one for each party's. */
function programRows(found: DevnetStatus): string[][] {
  const at = addressesOf(found.k);
  const addresses: Record<string, string> = {
    etcd: `${at.etcd}:${ports.etcdClient}`,
    cloud: `${at.cloud}:${ports.cloud}`,
  };
  const ofParty = (name: string) => /^party-(\d+)\/(.+)$/.exec(name);
  const groups = Map.groupBy(found.programs, ({ name }) => ofParty(name)?.[1] ?? name);
  const rows = [...groups].map(([group, programs]) => {
    const isParty = /^\d+$/.test(group);
    const words = programs.map(({ name, state, pid, restarts }) =>
      [
        ofParty(name)?.[2] ?? "",
        pid === null ? "" : String(pid),
        state === "serving" ? "" : state,
        restarts === 0 ? "" : `(started again ${restarts === 1 ? "once" : `${restarts} times`})`,
      ]
        .filter((word) => word !== "")
        .join(" "),
    );
    const address = isParty ? `${at.core(Number(group))}:${ports.apiServer}` : (addresses[group] ?? "");
    return [`  ${isParty ? `party ${group}` : group}`, address, words.join(", ")];
  });
  return [["  devnetd", `${at.control}:${ports.control}`, String(found.pid)], ...rows];
}
