import { expect, test } from "vitest";
import { openCluster } from "../../stacks/secret-check.ts";

const kubeconfig = (command: string, ...args: string[]) =>
  JSON.stringify({
    clusters: [{ cluster: { server: "https://127.0.0.1:1", "certificate-authority-data": "" } }],
    users: [{ user: { exec: { command, args } } }],
  });

test("a token command that fails is named with its own words, and not with its command line", async () => {
  const script = "console.error('profile party-1: its session has expired'); process.exit(3)";
  await expect(openCluster(kubeconfig(process.execPath, "--eval", script))).rejects.toThrow(
    /^the command that gives a token for the cluster: profile party-1: its session has expired$/,
  );
});

test("one that is not there is said so", async () => {
  await expect(openCluster(kubeconfig("no-such-program"))).rejects.toThrow(/token for the cluster: .*ENOENT/);
});
