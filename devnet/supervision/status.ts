import type { Problem } from "../../contract/operator-error.ts";
import type { Fault } from "../fault.ts";
import type { CoreStatus } from "./party-core.ts";

export interface ProgramStatus {
  name: string;
  state: "starting" | "serving" | "restarting" | "stopped";
  pid: number | null;
  restarts: number;
}

/** What devnetd says of its devnet. */
export interface DevnetdStatus {
  phase: "starting" | "ready" | "failed" | "stopping";
  network: string;
  k: number;
  pid: number;
  /** What has been reached while starting, in order. */
  progress: string[];
  failure: Problem | null;
  programs: ProgramStatus[];
  parties: CoreStatus[];
  faults: Fault[];
  providers: { aws: number; eks: number; kubernetes: number; random: number } | null;
}
