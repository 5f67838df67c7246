import { PartyId } from "../../contract/names.ts";
import { OwnSight } from "../../contract/validate-half.ts";
import type { HalfContent } from "../../fleet/half-publishing.ts";
import type { Observations } from "../../runbooks/network/observations.ts";
import { type Fault, modelNetwork } from "../runbooks/network/network-model.ts";
import { digestOf } from "./cards.ts";

/** What a party of the modelled network would sign of itself. */
export function halfContent(
  partyId: number,
  { seen = modelNetwork(4), faults, ...change }: Partial<HalfContent> & { seen?: Observations; faults?: Fault[] } = {},
): HalfContent {
  const from = faults === undefined ? seen : modelNetwork(4, faults);
  const party = from.parties.find((one) => one.partyId === partyId);
  if (party === undefined) throw new Error(`the model has no party ${partyId}`);
  return {
    contract: "half/v1",
    network: "devnet" as HalfContent["network"],
    partyId: PartyId.parse(partyId),
    manifestDigest: digestOf("e"),
    stage: from.stage,
    startedAt: from.startedAt,
    durationMs: from.durationMs,
    issuedAt: new Date(Date.parse(from.startedAt) + 1_000).toISOString(),
    runId: "20261120-185502-validate-0a1b",
    release: { version: "0.13.10", imageDigest: digestOf("2") },
    sight: OwnSight.strip().parse(party),
    ...change,
  };
}
