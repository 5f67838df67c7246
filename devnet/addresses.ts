/** Ports that are the same on every devnet; the addresses differ. */
export const ports = {
  etcdClient: 2379,
  etcdPeer: 2380,
  apiServer: 6443,
  controllerManager: 10257,
  scheduler: 10259,
  kubelet: 10250,
  cloud: 4566,
  dns: 5300,
  control: 7000,
} as const;

/** Where everything of devnet number k listens: all of it inside 127.k.0.0/16, so that devnets live side by side. */
export interface Addresses {
  readonly k: number;
  /** Core, API server and the rest of party j's own machines. */
  core(party: number): string;
  /** The interface endpoint through which party `from` reaches party `to`. */
  link(from: number, to: number): string;
  /** Where party `from` gets when it connects to the public address of party `to`; `from` 0 is anybody else. */
  internet(from: number, to: number): string;
  dns(party: number): string;
  readonly etcd: string;
  readonly cloud: string;
  readonly control: string;
}

/** Addresses of devnet number k, 1 to 254. */
export function addressesOf(k: number): Addresses {
  return {
    k,
    core: (party) => `127.${k}.0.${party}`,
    link: (from, to) => `127.${k}.${from}.${to}`,
    internet: (from, to) => `127.${k}.${from === 0 ? 200 : from}.${100 + to}`,
    dns: (party) => `127.${k}.${party}.254`,
    etcd: `127.${k}.0.250`,
    cloud: `127.${k}.0.251`,
    control: `127.${k}.0.252`,
  };
}
