/** Two parties between which a link is down. */
export type BrokenPair = readonly [number, number];

const mostBranches = 20_000;

/**
 * The fewest parties without which no broken pair is left: each broken link makes one of its two ends look faulty to the protocol. Exact
 * while the search is small, as it is for any network that still works; otherwise not less than the truth.
 */
export function fewestFaulty(pairs: readonly BrokenPair[]): number {
  const neighbours = new Map<number, Set<number>>();
  const join = (from: number, to: number) => {
    const known = neighbours.get(from);
    if (known) known.add(to);
    else neighbours.set(from, new Set([to]));
  };
  for (const [a, b] of pairs) {
    join(a, b);
    join(b, a);
  }
  let best = greedy(neighbours);
  let branches = 0;
  const search = (graph: Map<number, Set<number>>, chosen: number) => {
    branches += 1;
    const [busiest, others] = mostConnected(graph);
    if (busiest === null || others.size === 0) {
      best = Math.min(best, chosen);
      return;
    }
    // At least one end of each remaining pair is needed, and no party settles more pairs than the busiest.
    const left = [...graph.values()].reduce((sum, peers) => sum + peers.size, 0) / 2;
    if (chosen + Math.ceil(left / others.size) >= best || branches > mostBranches) return;
    search(without(graph, [busiest]), chosen + 1);
    if (others.size > 1) search(without(graph, [...others]), chosen + others.size);
  };
  search(neighbours, 0);
  return best;
}

function greedy(graph: Map<number, Set<number>>): number {
  let rest = graph;
  for (let chosen = 0; ; chosen += 1) {
    const [busiest, others] = mostConnected(rest);
    if (busiest === null || others.size === 0) return chosen;
    rest = without(rest, [busiest]);
  }
}

function mostConnected(graph: Map<number, Set<number>>): [number | null, Set<number>] {
  let busiest: [number | null, Set<number>] = [null, new Set()];
  for (const [party, others] of graph) if (others.size > busiest[1].size) busiest = [party, others];
  return busiest;
}

function without(graph: Map<number, Set<number>>, gone: readonly number[]): Map<number, Set<number>> {
  const rest = new Map<number, Set<number>>();
  for (const [party, others] of graph)
    if (!gone.includes(party)) rest.set(party, new Set([...others].filter((other) => !gone.includes(other))));
  return rest;
}
