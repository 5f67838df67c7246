/** As IAM compares: `*` is any text, `?` any character. */
export function isLike(pattern: string, text: string): boolean {
  const parts = [...pattern].map((one) =>
    one === "*" ? ".*" : one === "?" ? "." : one.replace(/[.+^${}()|[\]\\]/, "\\$&"),
  );
  return new RegExp(`^${parts.join("")}$`, "s").test(text);
}
