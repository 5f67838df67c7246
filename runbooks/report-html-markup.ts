import { printable } from "../contract/printable.ts";

/** What a peer said may be long; the whole of it is in report.json. */
export const longestText = 4_000;

/** Classes of the three answers. */
export const cellKinds = { OK: "o", FAIL: "x", UNKNOWN: "q" } as const;

export function section(id: string, title: string, content: string): string {
  return `<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>\n${content}\n</section>`;
}

/** A table that is wider than the page scrolls by itself, also by keyboard. */
export function box(label: string, more = ""): string {
  return `<div class="box ${more}" tabindex="0" role="region" aria-label="${label}">`;
}

export function none(words: string): string {
  return `<span class="sub">${words}</span>`;
}

export function minute(time: string): string {
  return `${escaped(time.slice(0, 16).replace("T", " "))}Z`;
}

export function timeElement(time: string, rest = ""): string {
  return `<time datetime="${escaped(time)}"${rest}>${escaped(time.slice(0, 19).replace("T", " "))}Z</time>`;
}

export function age(from: string, to: string): string {
  const seconds = Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000));
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

export function ms(value: number): string {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

export function short(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest).toWellFormed()}… (${text.length - longest} more)`;
}

/** Text of peers, files and people, as text: nothing in it is markup, steers the page or turns letters around. */
export function escaped(text: string, longest = longestText): string {
  return printable(short(text, longest))
    .toWellFormed()
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
