/** How many cases a property is tried with: in `npm test` a fifth, other ones each time, and all where time is free. */
export function propertyRuns(all: number): number {
  return process.env.QUORATE_PROPERTY_RUNS === "all" ? all : Math.ceil(all / 5);
}
