/** What is needed of a parsed YAML document to find lines in it. */
export interface YamlDocument {
  getIn(path: readonly unknown[], keepScalar: true): unknown;
}

interface YamlNode {
  range?: [number, number, number] | null;
  items?: { key?: { value?: unknown; range?: YamlNode["range"] } }[];
}

/** The lines on which the keys and items of a YAML document are written; undefined for what is not written there. */
export function yamlLines(document: YamlDocument, text: string): (path: readonly PropertyKey[]) => number | undefined {
  return (path) => {
    const last = path.at(-1);
    const parent = document.getIn(path.slice(0, -1), true) as YamlNode | undefined;
    const node =
      typeof last === "number"
        ? (document.getIn(path, true) as YamlNode | undefined)
        : parent?.items?.find(({ key }) => key?.value === last)?.key;
    const start = node?.range?.[0];
    return start === undefined ? undefined : text.slice(0, start).split("\n").length;
  };
}
