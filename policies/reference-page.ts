import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { coverage } from "./coverage.ts";
import { rulesByArea } from "./rules.ts";

/** Where the page lies. */
export const pagePath = fileURLToPath(new URL("../docs/policies.md", import.meta.url));

const intro = `Rules about what a party's stack has to guarantee, whatever builds it. \`npx quorate preview\` and \`npx quorate up\` hold every
party against all of them. A \`mandatory\` rule that is violated ends the preview with exit code 1, before anything is changed, and in an
update before the resource is made; an \`advisory\` one is told and stops nothing. For another way of previewing, the same pack is a
[CrossGuard](https://www.pulumi.com/docs/using-pulumi/crossguard/) pack: \`pulumi preview --policy-pack <quorate>/policies\`.

\`\`\`
POLICY_VIOLATED  party 1: key-never-lost refuses party-1-vault-key: deletionWindowInDays
  found     7
  expected  at least 30
  next      quorate:partyKey.deletionWindowDays in the stack file
\`\`\`

| code | meaning |
| --- | --- |
| \`POLICY_VIOLATED\` | A mandatory rule refuses the stack. Exit code 1. |
| \`POLICY_ADVICE\` | An advisory rule has something to say. |
| \`POLICY_UNKNOWN\` | A rule can not tell yet, because the value is made from what AWS has not made; never the same as clean. \`up\` asks again when it is known: before the resource is made, where the rule is about one resource, and at the end, where it is about the whole. |

What is at stake is read off the tag \`environment\` that the stack gives everything; a stack without it is taken for a mainnet. No rule is
weaker for a devnet, but for those that say so. \`tls-never-off\` has two exceptions, each a \`PolicyException\` in the program, so that it
stands in the preview and in the stack's state: \`development\`, on a devnet, and \`custodian-recovery\`, with a reason and an end within
72 hours.`;

/** The page of the rules, printed from what they say of themselves. */
export function referencePage(): string {
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const table = (head: string[], rows: string[][]) => [row(head), row(head.map(() => "---")), ...rows.map(row), ""];
  const areas = Object.entries(rulesByArea).flatMap(([area, rules]) => [
    `## ${area}`,
    "",
    ...table(
      ["rule", "severity", "guarantees", "why", "source", "where to mend it"],
      rules.map(({ id, severity, guarantees, why, source, fix }) => [
        `\`${id}\``,
        severity,
        guarantees,
        why,
        source,
        fix,
      ]),
    ),
  ]);
  const covered = Object.entries(coverage).flatMap(([title, facts]) => [
    `### ${title}`,
    "",
    ...table(
      ["fact", "rules", "besides"],
      facts.map(({ fact, rules, note }) => [fact, rules.map((id) => `\`${id}\``).join(", ") || "none", note ?? ""]),
    ),
  ]);
  return [
    "# Policies",
    "",
    "<!-- Printed from policies/ by policies/reference-page.ts. -->",
    "",
    intro,
    "",
    ...areas,
    "## What each is there for",
    "",
    ...covered,
  ]
    .join("\n")
    .replace(/\n+$/, "\n");
}

if (import.meta.main) await writeFile(pagePath, referencePage());
