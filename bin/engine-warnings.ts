import { printable } from "../contract/printable.ts";
import { hang } from "./help.mjs";

/** What the engine warns of, each thing once: an update warns again of all that its preview has warned of. */
export class EngineWarnings {
  readonly #told = new Set<string>();

  /** The text to show, wrapped where a terminal ends and whole where there is none; undefined where it was told already. */
  text(
    partyId: number,
    message: string,
    columns = process.stderr.isTTY ? process.stderr.columns : undefined,
  ): string | undefined {
    const head = `party ${partyId}: `;
    const key = `${head}${message}`;
    if (this.#told.has(key)) return undefined;
    this.#told.add(key);
    const lines = printable(message).split("\n");
    return lines
      .map((line, index) =>
        columns === undefined ? `${index === 0 ? head : ""}${line}` : hang(index === 0 ? head : "", line, columns),
      )
      .join("\n");
  }
}
