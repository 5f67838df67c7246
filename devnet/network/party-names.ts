import type { Addresses } from "../addresses.ts";
import type { KubeClient, KubeObject } from "../clusters/kube-client.ts";
import type { EndpointSliceObject, ServiceObject, Zone } from "./zone.ts";

/** One VPC endpoint of a party's account, as the simulated cloud lists it. */
export interface VpcEndpoint {
  dnsName: string | null;
  partyId: number | null;
  state: string;
}

const endpointsKeptMs = 250;
/** States in which an endpoint's names resolve. */
const resolvingStates = ["available", "pending"];

/** Follows what one party's names stand for: its Services, their endpoints, and the VPC endpoints of its account. */
export class PartyNames {
  readonly #party: number;
  readonly #addresses: Addresses;
  readonly #listEndpoints: () => Promise<VpcEndpoint[]>;
  readonly #publicAddresses: () => ReadonlyMap<string, number>;
  readonly #services = new Map<string, ServiceObject>();
  readonly #slices = new Map<string, EndpointSliceObject>();
  #endpoints: { at: number; answer: Promise<VpcEndpoint[]> } | undefined;

  constructor(
    addresses: Addresses,
    party: number,
    listEndpoints: () => Promise<VpcEndpoint[]>,
    publicAddresses: () => ReadonlyMap<string, number> = () => new Map(),
  ) {
    this.#addresses = addresses;
    this.#party = party;
    this.#listEndpoints = listEndpoints;
    this.#publicAddresses = publicAddresses;
  }

  follow(client: KubeClient, signal: AbortSignal): void {
    client.watch<ServiceObject>("/api/v1/services", {}, into(this.#services), signal);
    client.watch<EndpointSliceObject>("/apis/discovery.k8s.io/v1/endpointslices", {}, into(this.#slices), signal);
  }

  /** Asks for the endpoints again, whenever it was that they were told last. */
  forget(): void {
    this.#endpoints = undefined;
  }

  async zone(): Promise<Zone> {
    const endpoints = await this.#currentEndpoints();
    const usable = endpoints.flatMap(({ dnsName, partyId, state }) =>
      dnsName !== null && partyId !== null && resolvingStates.includes(state)
        ? [[dnsName.toLowerCase(), this.#addresses.link(this.#party, partyId)] as const]
        : [],
    );
    return {
      podAddress: this.#addresses.core(this.#party),
      services: this.#services,
      endpointSlices: this.#slices,
      vpcEndpoints: new Map(usable),
      publicAddresses: new Map(
        [...this.#publicAddresses()].map(([address, to]) => [address, this.#addresses.internet(this.#party, to)]),
      ),
    };
  }

  /** Asked once for all the queries of a probe, and again soon after: a revoked endpoint has to show. */
  #currentEndpoints(): Promise<VpcEndpoint[]> {
    const now = Date.now();
    if (this.#endpoints === undefined || now - this.#endpoints.at > endpointsKeptMs) {
      const answer = this.#listEndpoints();
      this.#endpoints = { at: now, answer };
      // A failure is told to those who asked, and not kept for the next.
      answer.catch(() => {
        this.#endpoints = undefined;
      });
    }
    return this.#endpoints.answer;
  }
}

function into<T extends KubeObject>(map: Map<string, T>) {
  const key = ({ metadata }: T) => `${metadata.namespace}/${metadata.name}`;
  return {
    listed(objects: T[]) {
      map.clear();
      for (const object of objects) map.set(key(object), object);
    },
    changed(type: "ADDED" | "MODIFIED" | "DELETED", object: T) {
      if (type === "DELETED") map.delete(key(object));
      else map.set(key(object), object);
    },
  };
}
