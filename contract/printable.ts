/** Colours are ours to set, and change no more than how a text looks; everything else that steers a terminal does. */
const colour = String.raw`\u001b\[[0-9;]*m`;
const steering = String.raw`[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]`;
const steeringOrColour = new RegExp(`${colour}|${steering}`, "g");
const isColour = new RegExp(`^${colour}$`);

/**
 * A text as it can be shown: what came from peers, files or arguments may hold characters that move the cursor, rewrite a line or turn the order
 * of letters around, and some that nobody sees, so those are spelled out. Line breaks and tabs stay; colours too, where `colours` says that they are ours.
 */
export function printable(text: string, options: { colours?: boolean } = {}): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(steeringOrColour, (found) =>
      options.colours && isColour.test(found) ? found : [...found].map(spelled).join(""),
    );
}

/** The same in one line: nothing in it can pass for a line of ours. */
export function printableLine(text: string): string {
  return printable(text).replace(/[\n\t\u2028\u2029]/g, spelled);
}

/** Whether all texts in a value are one line of at most so many characters, and steer nothing: each form of a report can show them as they are. */
export function holdsPlainTexts(value: unknown, longest: number): boolean {
  if (typeof value === "string") return value.length <= longest && printableLine(value) === value;
  return (
    typeof value !== "object" || value === null || Object.values(value).every((one) => holdsPlainTexts(one, longest))
  );
}

/** As much of a text as there is room for. */
export function cutShort(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}

/** Of a word that is longer nobody copies the whole. */
const longestWord = 200;

/** The same between words: who copies an ARN or an id out of it has all of it, for which the text may be a word longer. */
export function cutBetweenWords(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const start = text.lastIndexOf(" ", longest) + 1;
  const [word = ""] = /^\S*/.exec(text.slice(start, start + longestWord + 1)) ?? [];
  const whole = start + word.length;
  if (word.length <= longestWord) return whole === text.length ? text : `${text.slice(0, whole).trimEnd()} …`;
  return start > 0 ? `${text.slice(0, start).trimEnd()} …` : cutShort(text, longest);
}

function spelled(character: string): string {
  const code = character.charCodeAt(0);
  if (code >= 0x20 && code < 0x7f) return character;
  return `\\u${code.toString(16).padStart(4, "0")}`;
}
