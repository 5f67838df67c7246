import type { PathProbe } from "../../contract/probe.ts";
import type { Workload } from "../../contract/validate-half.ts";
import type { Verdict } from "../../contract/verdict.ts";

/** Why a party is the one to chase. One per party and kind; the words for it are in findings.ts. */
export interface Cause {
  code:
    | "PARTY_DOWN"
    | "PARTY_HUNG"
    | "PARTY_UNREACHABLE"
    | "CERTIFICATE_EXPIRED"
    | "CERTIFICATE_NOT_YET_VALID"
    | "CERTIFICATE_WRONG"
    | "RELEASE_NOT_TRUSTED"
    | "CA_CERTIFICATE_NOT_PUBLISHED"
    | "OUTBOUND_BLOCKED"
    | "CA_CERTIFICATE_MISSING"
    | "RELEASE_LIST_STALE"
    | "NOT_ACCEPTED"
    | "ACCEPTS_NOBODY"
    | "NOT_ANSWERED"
    | "ANSWERS_NOBODY"
    | "MANIFEST_DIFFERS"
    | "CORE_SILENT"
    | "CONTRADICTED"
    | "NOT_HEARD";
  party: number;
  /** The links that it brings down. */
  links: Link[];
}

/** One directed link while it is being judged. */
export interface Link {
  from: number;
  to: number;
  probe: PathProbe | null;
  path: Verdict;
  view: Verdict;
  verdict: Verdict;
  fault: "link" | number | null;
  /** Down only because the other direction is: no finding of its own. */
  follows: boolean;
  /** It is down by the word of one party about who the other is, and others see otherwise. */
  disputed: OtherSights | null;
}

/** Who sees a party otherwise than one witness: peers that get through to it, and peers that its own core reaches. */
export interface OtherSights {
  getThrough: number[];
  reached: number[];
}

/** Whether the core waited in vain, which is no refusal: who is busy gives no answer either. */
export function isUnanswered({ view }: Pick<Link, "view">): boolean {
  return view.status === "FAIL" && view.code === "NOT_ANSWERED";
}

/** How far a path came: each depth means that everything before it was in order. */
export const depths = { dns: 0, tcp: 1, tls: 2, ca: 3, chain: 4, dates: 5, attestation: 6, open: 7 } as const;

/** How far a probe came before it failed, which is not always the stage that it was in. */
export function depthOf(probe: PathProbe): number {
  switch (probe.code) {
    case "OK":
      return depths.open;
    // A forwarder or load balancer accepts first and resets when nobody is behind it.
    case "RESET":
      return depths.tcp;
    case "NO_CA_CERTIFICATE":
      return depths.ca;
    case "WRONG_CERTIFICATE":
      return depths.chain;
    case "EXPIRED_CERTIFICATE":
    case "CERTIFICATE_NOT_YET_VALID":
      return depths.dates;
    case "UNTRUSTED_RELEASE":
      return depths.attestation;
  }
  return probe.stage === "dns" ? depths.dns : probe.stage === "tcp" ? depths.tcp : depths.tls;
}

/** Whether a core can be expected to answer: `gone` is certain, `unready` may be about to change. */
export function workloadFault({ pod, replicas }: Workload): "gone" | "unready" | null {
  if (pod === null || replicas === 0 || pod.phase !== "Running") return "gone";
  return pod.ready ? null : "unready";
}
