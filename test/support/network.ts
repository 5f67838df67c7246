import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { chartDigest } from "../../stacks/chart-digest.ts";

/** A hexadecimal text of `length` digits that is not all zeros. */
export const hex = (length: number, digit = "a") => digit.repeat(length);

/** One release as a manifest spells it. */
export const release = (version: string, digit: string) => ({
  version,
  image: { repository: "example/core-service-enclave", tag: `v${version}`, digest: `sha256:${hex(64, digit)}` },
  pcr0: hex(96, digit),
  pcr1: hex(96, "b"),
  pcr2: hex(96, "c"),
});

/** A manifest of n parties as YAML would give it: plain, and free to be spoiled. */
// biome-ignore lint/suspicious/noExplicitAny: tests put all kinds of wrong values in
export function rawManifest(n = 4): any {
  return {
    contract: "network/v1",
    network: "devnet",
    environment: "devnet",
    system: "zama-kms",
    transport: "privatelink",
    threshold: Math.floor((n - 1) / 3),
    chart: { ref: "../chart", version: "1.9.1", digest: `sha256:${hex(64, "d")}` },
    trustedReleases: [release("0.13.10", "1"), release("0.13.20", "2")],
    parties: Array.from({ length: n }, (_, index) => ({
      id: index + 1,
      name: `party-${index + 1}`,
      region: "eu-west-1",
      accountId: String(100_000_000_001 + index),
      endpointServiceName: `com.amazonaws.vpce.eu-west-1.vpce-svc-${String(index + 1).padStart(17, "0")}`,
    })),
  };
}

/** A stack's configuration as YAML would give it. */
// biome-ignore lint/suspicious/noExplicitAny: tests put all kinds of wrong values in
export function rawStackConfig(partyId = 1): any {
  return {
    contract: "stack/v1",
    network: "devnet",
    party: partyId,
    accountId: String(100_000_000_000 + partyId),
    awsProfile: `devnet-party-${partyId}`,
    region: "eu-west-1",
    release: "0.13.20",
    cluster: {
      create: {
        name: `kms-party-${partyId}`,
        version: "1.33",
        vpcId: "vpc-0000000000000011",
        privateSubnetIds: ["subnet-00000000000001a1", "subnet-00000000000001b2"],
      },
    },
    enclaveNodes: { amiReleaseVersion: "1.33.8-20260304" },
    peerCertificates: "copied",
    monitoring: { prometheusOperator: "absent" },
    logs: { shipping: "none" },
    secrets: { byHand: ["registry-credentials"] },
  };
}

/** A stacks directory on disk with one network, its chart and party stacks. Removed on disposal. */
export class StacksDir implements AsyncDisposable {
  readonly root: string;
  readonly dir: string;

  constructor(root: string) {
    this.root = root;
    this.dir = join(root, "stacks");
  }

  static async create(manifest = rawManifest()): Promise<StacksDir> {
    const stacks = new StacksDir(await mkdtemp(join(tmpdir(), "quorate-stacks-")));
    const chart = join(stacks.dir, "chart");
    await mkdir(chart, { recursive: true });
    await mkdir(join(stacks.dir, "networks"));
    await writeFile(join(chart, "Chart.yaml"), "name: kms-core\nversion: 1.9.1\n");
    manifest.chart.digest = await chartDigest(chart);
    await stacks.writeManifest(manifest);
    return stacks;
  }

  get manifestPath(): string {
    return join(this.dir, "networks", "devnet.yaml");
  }

  async writeManifest(manifest: unknown): Promise<void> {
    await writeFile(this.manifestPath, typeof manifest === "string" ? manifest : stringify(manifest));
  }

  async writeStack(name: string, values: Record<string, unknown>): Promise<string> {
    const path = join(this.dir, `Pulumi.${name}.yaml`);
    const keys = Object.entries(values).map(([key, value]) => [`quorate:${key}`, value]);
    await writeFile(path, stringify({ config: Object.fromEntries(keys) }));
    return path;
  }

  async copyChartFrom(dir: string): Promise<void> {
    await cp(dir, join(this.dir, "chart"), { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}
