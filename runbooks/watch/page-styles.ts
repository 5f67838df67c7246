/** What a page that is served has beside the report's own look: how old it is, and its history. */
export const liveStyles = `
.watch{border:2px solid var(--line);border-left-width:.5rem;padding:.4rem .75rem;margin-bottom:.75rem;background:var(--sheet)}
.watch.stale,.watch.lost{border-color:var(--qline);border-style:dashed;border-width:3px;background:var(--qbg);color:var(--q)}
.watch.stale strong,.watch.lost strong{font-size:1.15rem}
body:has(.watch.stale) main,body:has(.watch.stale) .verdict,body:has(.watch.lost) main,body:has(.watch.stale) .numbers,body:has(.watch.lost) .numbers{filter:grayscale(1)}
body:has(.watch.stale) .matrix,body:has(.watch.lost) .matrix{outline:3px dashed var(--qline);outline-offset:-3px}
body:has(.watch.stale) .word{text-decoration:line-through}
.timeline{display:block;width:100%;height:2rem;border:1px solid var(--line);margin:.5rem 0}
.swatch{width:1rem;height:1rem;vertical-align:-.15rem;margin-right:.35rem;border:1px solid var(--line)}
.to{fill:var(--ok)}.tx{fill:var(--downbg)}.tq{fill:var(--qline)}.tn{fill:var(--sheet)}
.n{color:var(--soft);background:var(--sheet);box-shadow:inset 0 0 0 1px var(--line)}
#history h3{font-size:1rem;font-weight:650;margin:1rem 0 .35rem}
@media print{.watch{border:1px solid #000}}
`;
