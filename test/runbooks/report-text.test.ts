import { describe, expect, test } from "vitest";
import { judge } from "../../runbooks/network/judge.ts";
import { renderValidateMarkdown } from "../../runbooks/report-markdown.ts";
import { renderValidateText } from "../../runbooks/report-text.ts";
import { type Fault, modelNetwork } from "./network/network-model.ts";

const text = (n: number, faults: Fault[], columns = 80, colour = false) =>
  renderValidateText(judge(modelNetwork(n, faults)), { colour, columns });
const colourCode = String.fromCharCode(27);

describe("the report in a terminal", () => {
  test("of a clean network of four", () => {
    expect(text(4, [])).toMatchInlineSnapshot(`
      "network DEVNET
      4 parties, t = 1   stage link   manifest sha256:eeeeeeee
      2026-11-20 18:55:02Z   0.8 s

      from ↓ to →   ok up, DOWN down, ? could not tell
                      1     2     3     4
        1 party-1     ·    ok    ok    ok
        2 party-2    ok     ·    ok    ok
        3 party-3    ok    ok     ·    ok
        4 party-4    ok    ok    ok     ·

      verdict OK
      12 of 12 links up
      4 of 4 parties fully connected
      faults still tolerated: 1 of 1
      latency TCP p50 0.3, p90 0.3, max 0.3 ms (3→4)
              TLS p50 2.2, p90 2.4, max 2.4 ms (4→3)"
    `);
  });

  test("of a link that is cut", () => {
    expect(text(4, [{ kind: "cut", from: 2, to: 3 }])).toMatchInlineSnapshot(`
      "network DEVNET
      4 parties, t = 1   stage link   manifest sha256:eeeeeeee
      2026-11-20 18:55:02Z   0.8 s

      from ↓ to →   ok up, DOWN down, ? could not tell
                      1     2     3     4
        1 party-1     ·    ok    ok    ok
        2 party-2    ok     ·  DOWN    ok
        3 party-3    ok    ok     ·    ok
        4 party-4    ok    ok    ok     ·

      verdict FAIL
      11 of 12 links up
      2 of 4 parties fully connected
      faults still tolerated: 0 of 1
      latency TCP p50 0.3, p90 0.3, max 0.3 ms (3→4)
              TLS p50 2.3, p90 2.4, max 2.4 ms (4→3)

      LINK_DOWN  link 2→3
        found     timed out: no TCP connection to 127.1.2.3; 3→2 works
        expected  an open path 2→3 on port 50001
        next      party 2 checks its endpoint and security group for party 3; party 3
                  checks that it accepted the connection of party 2"
    `);
  });

  test("of a party that is down, in 60 columns", () => {
    expect(text(13, [{ kind: "kill", party: 4 }], 60)).toMatchInlineSnapshot(`
      "network DEVNET
      13 parties, t = 4   stage link   manifest sha256:eeeeeeee
      2026-11-20 18:55:02Z   0.8 s

      from ↓ to →   ok up, X down, ? could not tell
             1   2   3   4   5   6   7   8   9  10  11  12  13
         1   ·  ok  ok   X  ok  ok  ok  ok  ok  ok  ok  ok  ok
         2  ok   ·  ok   X  ok  ok  ok  ok  ok  ok  ok  ok  ok
         3  ok  ok   ·   X  ok  ok  ok  ok  ok  ok  ok  ok  ok
         4   ?   ?   ?   ·   ?   ?   ?   ?   ?   ?   ?   ?   ?
         5  ok  ok  ok   X   ·  ok  ok  ok  ok  ok  ok  ok  ok
         6  ok  ok  ok   X  ok   ·  ok  ok  ok  ok  ok  ok  ok
         7  ok  ok  ok   X  ok  ok   ·  ok  ok  ok  ok  ok  ok
         8  ok  ok  ok   X  ok  ok  ok   ·  ok  ok  ok  ok  ok
         9  ok  ok  ok   X  ok  ok  ok  ok   ·  ok  ok  ok  ok
        10  ok  ok  ok   X  ok  ok  ok  ok  ok   ·  ok  ok  ok
        11  ok  ok  ok   X  ok  ok  ok  ok  ok  ok   ·  ok  ok
        12  ok  ok  ok   X  ok  ok  ok  ok  ok  ok  ok   ·  ok
        13  ok  ok  ok   X  ok  ok  ok  ok  ok  ok  ok  ok   ·

      verdict FAIL
      132 of 156 links up
      12 down, 12 could not be told
      0 of 13 parties fully connected
      faults still tolerated: 3 of 4
      latency TCP p50 0.4, p90 0.4, max 0.4 ms (12→13)
              TLS p50 2.7, p90 3.2, max 3.3 ms (13→12)

      ?  12 links from party 4  the core of party 4 is silent:
         port 50100 refused the connection

      PARTY_DOWN  party 4
        found     pod kms-core-4 is Running, but not ready: the
                  core's process ended; refused on paths 1→4, 2→4,
                  3→4, 5→4, 6→4 and 7 more
        expected  a core that answers on port 50001
        next      KUBECONFIG="$(npx quorate kubeconfig --party 4)"
                  kubectl --namespace kms-decentralized describe
                  pod kms-core-4"
    `);
  });

  test.each([
    [4, 60],
    [4, 80],
    [13, 60],
    [13, 80],
    [13, 120],
    [40, 80],
  ])("of %i parties fits into %i columns", (n, columns) => {
    const faults: Fault[] = [
      { kind: "kill", party: 4 },
      { kind: "cut", from: 1, to: 2 },
      { kind: "unauthorized", party: 3 },
    ];
    for (const line of text(n, faults, columns).split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
  });

  test("says the same with colours and without", () => {
    const faults: Fault[] = [{ kind: "kill", party: 4 }];
    const coloured = text(4, faults, 80, true);
    expect(coloured).toContain(colourCode);
    expect(coloured.replaceAll(new RegExp(`${colourCode}\\[\\d+m`, "g"), "")).toBe(text(4, faults));
    expect(text(4, faults)).not.toContain(colourCode);
  });
});

test("the report as Markdown has the verdict first, then findings, then the matrix", () => {
  const markdown = renderValidateMarkdown(judge(modelNetwork(4, [{ kind: "cut", from: 2, to: 3 }])));
  expect(markdown).toMatchInlineSnapshot(`
    "## network DEVNET: FAIL

    11 of 12 links up, 2 of 4 parties fully connected, faults still tolerated: 0 (t = 1).

    - **LINK_DOWN** link 2→3
      - found: timed out: no TCP connection to 127.1.2.3; 3→2 works
      - expected: an open path 2→3 on port 50001
      - next: party 2 checks its endpoint and security group for party 3; party 3 checks that it accepted the connection of party 2

    | from \\ to | 1 | 2 | 3 | 4 |
    |---|---|---|---|---|
    | 1 party-1 | · | ok | ok | ok |
    | 2 party-2 | ok | · | **DOWN** | ok |
    | 3 party-3 | ok | ok | · | ok |
    | 4 party-4 | ok | ok | ok | · |

    Stage link, 2026-11-20T18:55:02.000Z, manifest \`sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee\`.
    "
  `);
});

test("what a peer says is text in Markdown, and so is the command that it calls for", () => {
  const seen = modelNetwork(4, [{ kind: "cut", from: 2, to: 3 }]);
  const probe = seen.parties[1]?.probe;
  const link = probe?.status === "replied" ? probe.reply.links.find(({ peerId }) => peerId === 3) : undefined;
  if (link) link.detail = "![all is well](https://party-2.example/green.svg) <h1>OK</h1>\r## `OK`\r\n## `OK`";
  const markdown = renderValidateMarkdown(judge(seen));
  expect(markdown).toContain(
    "!\\[all is well\\](https://party-2.example/green.svg) \\<h1\\>OK\\</h1\\>\\\\u000d## \\`OK\\`; ## \\`OK\\`",
  );
});
