import { randomBytes } from "node:crypto";
import type { Pcrs } from "../attestation.ts";

// What nitro-cli prints in container kms-core-enclave, and what it answers when it is asked there.

export interface EnclaveAsked {
  cpuCount: number;
  memoryMib: number;
  cid: number;
  eifPath: string;
}

/** An enclave as `nitro-cli describe-enclaves` tells of it. */
export type EnclaveDescription = Record<string, unknown>;

/** Of ConfigMap file enclave.json. */
export function enclaveAsked(text: string): EnclaveAsked {
  const asked = JSON.parse(text) as Record<string, number | string>;
  return {
    cpuCount: Number(asked.cpu_count),
    memoryMib: Number(asked.memory_mib),
    cid: Number(asked.enclave_cid),
    eifPath: String(asked.eif_path),
  };
}

/** The lines with which the container begins, whatever comes of the enclave. */
export function eifLines(enclaveJson: string, pcrs: Pcrs, version: string): string[] {
  const description = {
    EifVersion: 4,
    Measurements: measurements(pcrs),
    IsSigned: false,
    CheckCRC: true,
    ImageName: "kms-core-service-enclave",
    ImageVersion: version,
  };
  return [
    "### BEGIN - enclave.json ###",
    ...enclaveJson.trimEnd().split("\n"),
    "### END - enclave.json ###",
    "### BEGIN - describe-eif ###",
    ...JSON.stringify(description, undefined, 2).split("\n"),
    "### END - describe-eif ###",
    "Start allocating memory...",
  ];
}

/** An enclave that runs: what `run-enclave` says, and what `describe-enclaves` does from then on. */
export function startedEnclave(asked: EnclaveAsked, pcrs: Pcrs): { lines: string[]; description: EnclaveDescription } {
  const cpuIds = Array.from({ length: asked.cpuCount }, (_, index) => index + 2);
  const enclave = {
    EnclaveName: "enclave",
    EnclaveID: `i-0${randomBytes(8).toString("hex")}-enc${randomBytes(8).toString("hex")}`,
    ProcessID: 24,
    EnclaveCID: asked.cid,
    NumberOfCPUs: asked.cpuCount,
    CPUIDs: cpuIds,
    MemoryMiB: asked.memoryMib,
  };
  const lines = [
    `Started enclave with enclave-cid: ${asked.cid}, memory: ${asked.memoryMib} MiB, cpu-ids: [${cpuIds.join(", ")}]`,
    ...JSON.stringify(enclave, undefined, 2).split("\n"),
  ];
  return { lines, description: { ...enclave, State: "RUNNING", Flags: "NONE", Measurements: measurements(pcrs) } };
}

/** An enclave that ended before it said that it was there. */
export function failedEnclaveLines(asked: EnclaveAsked, now: Date): string[] {
  const time = now.toISOString().replace(/Z$/, "000000+00:00");
  return [
    `Started enclave with enclave-cid: ${asked.cid}, memory: ${asked.memoryMib} MiB`,
    "[ E44 ] Enclave boot failure. Such error appears when attempting to receive the `ready` signal from a freshly booted enclave. It arises in several contexts, for instance, when the enclave is booted from an invalid EIF file and the enclave process immediately exits, failing to submit the `ready` signal. In this case, the error backtrace provides detailed information on what specifically failed during the enclave boot process.",
    "",
    "For more details, please visit https://docs.aws.amazon.com/enclaves/latest/user/cli-errors.html#E44",
    "",
    `If you open a support ticket, please provide the error log found at "/var/log/nitro_enclaves/err${time}.log"`,
    "Failed connections: 1",
    "[ E39 ] Enclave process connection failure. Such error appears when the enclave manager fails to connect to at least one enclave process for retrieving the description information.",
    "",
    "For more details, please visit https://docs.aws.amazon.com/enclaves/latest/user/cli-errors.html#E39",
    "",
    `If you open a support ticket, please provide the error log found at "/var/log/nitro_enclaves/err${time}.log"`,
  ];
}

function measurements({ pcr0, pcr1, pcr2 }: Pcrs): object {
  return { HashAlgorithm: "Sha384 { ... }", PCR0: pcr0, PCR1: pcr1, PCR2: pcr2 };
}
