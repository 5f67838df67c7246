import { expect, test } from "vitest";
import { renderDevnet } from "../../bin/devnet-text.ts";

test("a devnet's status lists cores, processes, addresses and faults", () => {
  const program = (name: string, pid: number | null) => ({ name, state: "serving" as const, pid, restarts: 0 });
  const text = renderDevnet(
    {
      phase: "ready",
      network: "devnet",
      k: 7,
      pid: 99,
      progress: [],
      failure: null,
      programs: [
        program("etcd", 100),
        program("cloud", 101),
        program("party-1/kube-apiserver", 102),
        { ...program("party-1/kwok", null), state: "restarting", restarts: 2 },
      ],
      parties: [
        { partyId: 1, core: "serving", pod: "core-0", bootId: "0123456789", pid: 103, detail: "serving", faults: [] },
      ],
      faults: [{ kind: "cut", from: 2, to: 3 }],
      providers: null,
    },
    120,
  );
  expect(text).toMatchInlineSnapshot(`
    "party 1  serving  127.7.0.1  core-0  boot 01234567
    3 of 4 programs serve
      devnetd  127.7.0.252:7000  99
      etcd     127.7.0.250:2379  100
      cloud    127.7.0.251:4566  101
      party 1  127.7.0.1:6443    kube-apiserver 102, kwok restarting (started again 2 times)
    faults: cut 2→3"
  `);
});
