/** An example with something of the right form in the place of each `<…>`. Account ids begin with `accounts`, and end with the party's. */
export function fillIn(text: string, accounts = "1000000000"): string {
  return text
    .replaceAll(/<account id of party (\d+)>/g, (_, id: string) => `"${accounts}${id.padStart(2, "0")}"`)
    .replaceAll("<your account id>", `"${accounts}01"`)
    .replaceAll("<id of the account that backups lie in>", '"200000000001"')
    .replaceAll(/<sha256:… of [^>]+>/g, `sha256:${"d".repeat(64)}`)
    .replaceAll("<your AWS profile>", "party-1")
    .replaceAll("<your EKS cluster>", "kms")
    .replaceAll("<your ClusterSecretStore>", "aws");
}
