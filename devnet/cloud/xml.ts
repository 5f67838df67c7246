export type Xml = string | number | boolean | null | undefined | readonly Xml[] | { [element: string]: Xml };

/** An object's fields become elements, an array repeats its element, undefined leaves it out. */
export function renderXml(root: string, content: Xml, namespace?: string): string {
  const attribute = namespace ? ` xmlns="${namespace}"` : "";
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attribute}>${renderContent(content)}</${root}>`;
}

function renderContent(content: Xml): string {
  if (content === null || content === undefined) return "";
  if (typeof content !== "object") return escapeXml(String(content));
  if (Array.isArray(content)) return content.map(renderContent).join("");
  return Object.entries(content)
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value as Xml]).map((each: Xml) => [name, each] as const),
    )
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `<${name}>${renderContent(value)}</${name}>`)
    .join("");
}

/** The texts of all elements of this name, entities resolved. Enough for what SDKs send; no attributes, no CDATA. */
export function elementTexts(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, "g"))].map((match) =>
    unescapeXml(match[1] ?? ""),
  );
}

function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\r", "&#13;");
}

function unescapeXml(text: string): string {
  const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal) return String.fromCodePoint(Number(decimal));
    return named[name] ?? whole;
  });
}
