import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ValidateReport } from "../../contract/validate-report.ts";
import { adminKubeconfigPath } from "../../devnet/clusters/control-plane.ts";
import { devnetEnv, devnetFault, devnetStatus } from "../../devnet/devnet.ts";
import { parseFault } from "../../devnet/fault.ts";
import { devnetFiles } from "../../devnet/files.ts";
import { toolPath } from "../../devnet/tool-path.ts";
import { killEverythingOf } from "./demo-process.ts";
import { createOperatorFolder } from "./operator-folder.ts";
import { type Ended, runIn } from "./run-in.ts";

const quorate = fileURLToPath(new URL("../../bin/quorate.mjs", import.meta.url));
const patienceMs = 60_000;
const pauseMs = 250;

/** A devnet as an operator uses it: through the command, from a folder of its own. What only prepares or looks asks devnetd from this process. */
export class OperatorsDevnet {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  static async create(name: string): Promise<OperatorsDevnet> {
    return new OperatorsDevnet(await createOperatorFolder(await mkdtemp(join(tmpdir(), `quorate-${name}-`))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.command("devnet", "down");
    killEverythingOf(this.folder);
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Any program in the folder. */
  async run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
    return await runIn(this.folder, program, args, env);
  }

  async command(...args: string[]): Promise<Ended> {
    return await this.run(process.execPath, [quorate, ...args]);
  }

  /** What a command that prints a report prints, whatever it ends with. */
  async json(...args: string[]): Promise<{ code: number; report: unknown }> {
    const { code, stdout, stderr } = await this.command(...args, "--format", "json");
    if (!stdout.startsWith("{")) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
    return { code, report: JSON.parse(stdout) };
  }

  async validate(...args: string[]): Promise<{ code: number; report: ValidateReport }> {
    const { code, report } = await this.json("validate", ...args);
    return { code, report: ValidateReport.parse(report) };
  }

  /** Validates until the report is as wished, or patience is at its end: what Kubernetes brings about takes a moment. */
  async validateUntil(wish: (report: ValidateReport) => boolean) {
    for (const deadline = Date.now() + patienceMs; ; await pause()) {
      const result = await this.validate();
      if (wish(result.report) || Date.now() > deadline) return result;
    }
  }

  /** As typed after `quorate devnet fault`. */
  async fault(words: string): Promise<void> {
    await devnetFault(this.folder, parseFault(words.split(" ")));
  }

  /** Ends every fault, and gives what there is to find once all cores serve. */
  async heal(): Promise<ValidateReport["findings"]> {
    await this.fault("heal");
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await pause()) {
      const { parties } = await devnetStatus(this.folder);
      if (parties.every(({ core }) => core === "serving")) break;
    }
    return (await this.validateUntil(({ verdict }) => verdict === "OK")).report.findings;
  }

  async coreOf(party: number) {
    return (await devnetStatus(this.folder)).parties.find(({ partyId }) => partyId === party);
  }

  /** In which `pulumi`, `kubectl` and `helm` work on one party, with its own credentials. */
  environment(party: number): Record<string, string> {
    const tools = dirname(toolPath("kubectl"));
    return { ...devnetEnv(this.folder, party), PATH: [tools, process.env.PATH ?? ""].join(delimiter) };
  }

  /** kubectl as the administrator of a party's cluster, in the namespace of its core. */
  async kubectl(party: number, ...args: string[]): Promise<string> {
    const access = ["--kubeconfig", adminKubeconfigPath(devnetFiles(this.folder), party)];
    const ended = await this.run(toolPath("kubectl"), [...access, "--namespace", "kms-decentralized", ...args]);
    if (ended.code !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${ended.code}: ${ended.stderr}`);
    return ended.stdout;
  }
}

async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
}

export const findingsOf = (report: ValidateReport) => report.findings.map(({ code, party }) => ({ code, party }));

/** How the ways to a party end. */
export const pathCodes = (report: ValidateReport, to: number) =>
  new Set(report.links.filter((link) => link.to === to).map((link) => link.probe?.code));
