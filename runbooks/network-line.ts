/** The line that every output begins with. A devnet shouts, so that no one takes it for the real thing. */
export function networkLine(
  of: { network: string; environment: string },
  options: { rest?: string; bold?: (text: string) => string } = {},
): string {
  const name = of.environment === "devnet" ? of.network.toUpperCase() : of.network;
  return `network ${options.bold?.(name) ?? name}${options.rest ? `  ${options.rest}` : ""}`;
}
