import type { Certainty, DoctorSource, Evidence, LinkEnds } from "../../contract/doctor-report.ts";

/** Something that is not as it should be, before anybody asked why. */
export interface Sign {
  code: string;
  /** Whom to chase. */
  party: number;
  /** Links that it brings down, or that it is of. */
  links: LinkEnds[];
  certainty: Certainty;
  found: string;
  expected: string;
  next: string;
  evidence: Evidence[];
}

/** What gave no answer. */
export interface Unseen {
  party: number;
  source: DoctorSource;
  reason: string;
}

export interface Signs {
  signs: Sign[];
  unseen: Unseen[];
}

export const arrow = ({ from, to }: LinkEnds) => `${from}→${to}`;

/** A core that nobody meant to run. */
export function withheldSign(party: number, why: string): Sign {
  return {
    ...{ code: "CORE_WITHHELD", party, links: [], certainty: "proved", found: why },
    expected: "a core that is released",
    next: `npx quorate preview --party ${party}; before there are cores: npx quorate validate --stage network`,
    evidence: [{ source: "cluster", party, line: why }],
  };
}

/** An update compares with what the stack remembers: what went behind its back a refresh finds, which shows it and asks. */
export function refreshThenUp(party: number | string, stack: string | null): string {
  return `pulumi refresh -s ${stack ?? `<stack of party ${party}>`}, for what was changed behind the stack's back; then: npx quorate preview --party ${party}, and: npx quorate up --party ${party}`;
}

/** Clocks this far apart make certificates and requests invalid. */
export const skewMs = 60_000;

/** A clock that is wrong, however that was seen. */
export function clockSign(
  party: number,
  links: LinkEnds[],
  found: string,
  source: DoctorSource,
  certainty: Certainty,
): Sign {
  return {
    ...{ code: "CLOCK_SKEW", party, links, certainty, found },
    expected: "a clock that is right to a few seconds",
    next: `look at the clock of the node of party ${party}, which its enclave takes over when it starts (chronyc tracking); right it, then delete the core's pod, so that its enclave starts anew`,
    evidence: [{ source, party, line: found }],
  };
}

export function duration(seconds: number): string {
  const whole = Math.abs(Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  return whole < 7_200 ? `${Math.round(whole / 60)} min` : `${Math.round(whole / 3_600)} h`;
}
