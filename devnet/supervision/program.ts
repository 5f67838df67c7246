/** One program that devnetd starts and keeps running: what to start, and how to tell that it serves. */
export interface Program {
  /** Unique in the devnet: `etcd`, `party-1/kube-apiserver`. */
  name: string;
  command: string;
  args: string[];
  env: Record<string, string>;
  logFile: string;
  /** Rejects as long as the program does not serve; asked again and again until it resolves. */
  probe(): Promise<void>;
  /** How long the program may take from start to serving. */
  startTimeoutMs: number;
}
