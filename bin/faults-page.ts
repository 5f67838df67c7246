import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type FaultRow, faultTable } from "../devnet/fault-table.ts";

/** Where the page lies. */
export const faultsPagePath = fileURLToPath(new URL("../docs/faults.md", import.meta.url));

const intro = `# Faults, and what names them

<!-- Printed from devnet/fault-table.ts by bin/faults-page.ts. -->

What [a devnet](devnet.md#faults) can be made to suffer, and what is to be seen of it: the links of [validation's](validate.md) matrix that are not up, its findings, and the cause that [doctor](doctor.md) names. Each row is played on a network of four by
\`npm run soak\`, and a few of them by \`npm test\`.

\`npx quorate devnet fault <fault>\` returns once the fault is what others meet; \`heal\` ends them all and leaves every party as it was.
\`2→3\` is one link, \`→3\` is every link into 3, \`3→\` every link out of it. Behind a link stands how its path ends: code, and the stage at which. A link that is down without that is so by the word of a core, which is refused.
`;

/** The page, as it lies in `docs/`. */
export function faultsPage(): string {
  const head = ["fault", "what happens", "links down", "could not tell", "`validate`", "`doctor`"];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [intro, line(head), line(head.map(() => "---")), ...faultTable.map((row) => line(cells(row))), ""].join("\n");
}

function cells({ fault, happens, matrix, findings, cause }: FaultRow): string[] {
  const { down, unknown = [], paths = {} } = matrix;
  return [
    `\`${fault}\``,
    happens.replaceAll("|", "\\|"),
    down.map((link) => (paths[link] === undefined ? link : `${link} \`${paths[link]}\``)).join("; ") || "none",
    unknown.join(", ") || "none",
    findings.map(({ code, party }) => `\`${code}\` party ${party}`).join("; ") || "nothing",
    cause === null ? "nothing" : `\`${cause.code}\` party ${cause.party}${cause.link ? `, of ${cause.link}` : ""}`,
  ];
}

if (import.meta.main) await writeFile(faultsPagePath, faultsPage());
