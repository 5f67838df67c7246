/** A kubectl command that asks one party's cluster, as it can be pasted: `quorate kubeconfig` prints the path of a file. */
export function kubectlCommand(partyId: number | string, words: string): string {
  return `KUBECONFIG="$(npx quorate kubeconfig --party ${partyId})" kubectl ${words}`;
}
