/**
 * Every tool that set-up provides, in the order of building, with the one version that is accepted. A bump is a line here
 * plus the matching `tools/modules/<module>/go.mod`; `test/tools/pins.test.ts` keeps the two in step.
 *
 * `release.file` may name an archive; `release.member` is then the path of the executable inside it.
 * `release.checksums` is what the vendor publishes beside it: a list of `<hex>  <file>` lines, a bare hex digest, or
 * GitHub's own release document, which carries a digest for each asset.
 */

const kubernetes = "1.36.3";

/** @typedef {{ url: string, member?: string, checksums: string }} Release */
/**
 * @typedef {object} Tool
 * @property {string} name the executable's name
 * @property {string} version without a leading v
 * @property {string} purpose
 * @property {string[]} versionArgs what to ask an executable on PATH
 * @property {string} module folder under tools/modules
 * @property {string} package Go package of the executable
 * @property {string[]} stamps `-X` assignments that give the executable its version
 * @property {string[]} [companions] other executables that the vendor ships in the same archive and that must be on PATH
 * @property {(os: string, arch: string) => Release | string} release the vendor's release, or why there is none
 */

const serverOnLinux = (name) => (os, arch) =>
  os === "linux"
    ? {
        url: `https://dl.k8s.io/release/v${kubernetes}/bin/linux/${arch}/${name}`,
        checksums: `https://dl.k8s.io/release/v${kubernetes}/bin/linux/${arch}/${name}.sha256`,
      }
    : `Kubernetes releases ${name} for Linux only`;

const kubernetesTool = (name, purpose, release) => ({
  name,
  version: kubernetes,
  purpose,
  versionArgs: name === "kubectl" ? ["version", "--client"] : ["--version"],
  module: "kubernetes",
  package: `k8s.io/kubernetes/cmd/${name}`,
  stamps: [`k8s.io/component-base/version.gitVersion=v${kubernetes}`],
  release,
});

/** @type {Tool[]} */
export const tools = [
  {
    name: "pulumi",
    version: "3.220.0",
    purpose: "the Pulumi engine",
    versionArgs: ["version"],
    module: "pulumi",
    package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    stamps: ["github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.220.0"],
    companions: ["pulumi-language-nodejs", "pulumi-analyzer-policy"],
    release: (os, arch) => ({
      url: `https://github.com/pulumi/pulumi/releases/download/v3.220.0/pulumi-v3.220.0-${os}-${arch === "amd64" ? "x64" : arch}.tar.gz`,
      member: "pulumi/pulumi",
      checksums: "https://github.com/pulumi/pulumi/releases/download/v3.220.0/pulumi-3.220.0-checksums.txt",
    }),
  },
  {
    name: "etcd",
    version: "3.7.3",
    purpose: "the store of the devnet's clusters",
    versionArgs: ["--version"],
    module: "etcd",
    package: "go.etcd.io/etcd/server/v3",
    stamps: [],
    release: (os, arch) => ({
      url: `https://github.com/etcd-io/etcd/releases/download/v3.7.3/etcd-v3.7.3-${os}-${arch}.${os === "darwin" ? "zip" : "tar.gz"}`,
      member: `etcd-v3.7.3-${os}-${arch}/etcd`,
      checksums: "https://github.com/etcd-io/etcd/releases/download/v3.7.3/SHA256SUMS",
    }),
  },
  kubernetesTool("kube-apiserver", "a party's API server in the devnet", serverOnLinux("kube-apiserver")),
  kubernetesTool(
    "kube-controller-manager",
    "a party's controllers in the devnet",
    serverOnLinux("kube-controller-manager"),
  ),
  kubernetesTool("kube-scheduler", "places a party's pods in the devnet", serverOnLinux("kube-scheduler")),
  kubernetesTool("kubectl", "talks to a party's cluster", (os, arch) => ({
    url: `https://dl.k8s.io/release/v${kubernetes}/bin/${os}/${arch}/kubectl`,
    checksums: `https://dl.k8s.io/release/v${kubernetes}/bin/${os}/${arch}/kubectl.sha256`,
  })),
  {
    name: "kwok",
    version: "0.8.0",
    purpose: "the devnet's kubelet",
    versionArgs: ["--version"],
    module: "kwok",
    package: "sigs.k8s.io/kwok/cmd/kwok",
    stamps: ["sigs.k8s.io/kwok/pkg/consts.Version=v0.8.0"],
    release: (os, arch) => ({
      url: `https://github.com/kubernetes-sigs/kwok/releases/download/v0.8.0/kwok-${os}-${arch}`,
      // kwok publishes no checksum file of its own.
      checksums: "https://api.github.com/repos/kubernetes-sigs/kwok/releases/tags/v0.8.0",
    }),
  },
  {
    name: "helm",
    version: "4.3.1",
    purpose: "installs the core's chart",
    versionArgs: ["version", "--short"],
    module: "helm",
    package: "helm.sh/helm/v4/cmd/helm",
    stamps: ["helm.sh/helm/v4/internal/version.version=v4.3.1"],
    release: (os, arch) => ({
      url: `https://get.helm.sh/helm-v4.3.1-${os}-${arch}.tar.gz`,
      member: `${os}-${arch}/helm`,
      checksums: `https://get.helm.sh/helm-v4.3.1-${os}-${arch}.tar.gz.sha256sum`,
    }),
  },
];
