// Plain JavaScript: help answers from here before anything else is loaded.

/**
 * The known word that is nearest to a mistyped one, if any is near: a few edits away, or the only one that begins like it.
 * @param {string} word
 * @param {readonly string[]} known
 * @returns {string | undefined}
 */
export function nearestWord(word, known) {
  const begun = word.length < 2 ? [] : known.filter((candidate) => candidate.startsWith(word));
  if (begun.length === 1) return begun[0];
  let best;
  for (const candidate of known) {
    const away = distance(word, candidate);
    if (
      away < word.length &&
      away <= Math.max(2, Math.floor(candidate.length / 3)) &&
      (best === undefined || away < best.away)
    )
      best = { candidate, away };
  }
  return best?.candidate;
}

/**
 * Edits (insert, drop, change, swap neighbours) from one word to the other.
 * @param {string} a
 * @param {string} b
 */
function distance(a, b) {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array(b.length).fill(0)]);
  for (let j = 1; j <= b.length; j++) rows[0][j] = j;
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  return rows[a.length][b.length];
}
