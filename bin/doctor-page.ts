import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { branches, causes } from "../runbooks/zama-kms/causes.ts";
import { logSignatures } from "../runbooks/zama-kms/log-signatures.ts";

/** Where the page lies. */
export const doctorPagePath = fileURLToPath(new URL("../docs/doctor.md", import.meta.url));

const mark =
  "<!-- The rest is printed from runbooks/zama-kms/causes.ts and log-signatures.ts by bin/doctor-page.ts. -->";

/** The page: what was written by hand as it is, and the tables that `doctor` goes by. */
export function doctorPage(page: string): string {
  const [byHand = ""] = page.split(mark);
  return [byHand.trimEnd(), "", mark, "", ...tree(), ...signatures()].join("\n");
}

function tree(): string[] {
  return [
    "## The tree",
    "",
    "In the order in which it is walked. A cause explains only what stands below it.",
    "",
    ...branches.flatMap((branch) => {
      const rows = causes.filter((row) => row.branch === branch);
      return [
        `### ${branch[0]?.toUpperCase()}${branch.slice(1)}`,
        "",
        ...table(
          ["cause", "means", "seen in", "whose", "explains"],
          rows.map(({ code, means, needs, whose, explains }) => [
            `\`${code}\``,
            means,
            needs.join(", "),
            whose === "link" ? "the party, of one link" : "the party",
            explained(explains),
          ]),
        ),
      ];
    }),
  ];
}

const mostNamed = 6;

function explained(codes: readonly string[]): string {
  const unique = [...new Set(codes)];
  if (unique.length === 0) return "nothing";
  const named = unique.slice(0, mostNamed).map((code) => `\`${code}\``);
  return unique.length > mostNamed ? `${named.join(", ")} and ${unique.length - mostNamed} more` : named.join(", ");
}

const overs = {
  start: "the pod is Ready",
  link: "the link is up",
  now: "ten minutes later",
  never: "the core starts anew",
} as const;

function signatures(): string[] {
  const place = { party: "<party>", peer: "<peer>", namespace: "<namespace>", pod: "<pod>", stack: "<stack>" };
  return [
    "## Lines in logs",
    "",
    "The first that fits a line counts. Patterns are regular expressions, and do not care about capitals.",
    "",
    ...table(
      ["signature", "pattern", "means", "expected", "cause", "over once", "next", "source"],
      logSignatures.map(({ id, pattern, meaning, expected, cause, over, blames, next, source }) => [
        id,
        `\`${pattern.source.replaceAll("|", "\\|")}\``,
        meaning,
        expected,
        `\`${cause}\`${blames === "peer" ? " of the peer" : ""}`,
        overs[over],
        next(place).replaceAll("<", "\\<"),
        source,
      ]),
    ),
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line), ""];
}

if (import.meta.main) await writeFile(doctorPagePath, doctorPage(await readFile(doctorPagePath, "utf8")));
