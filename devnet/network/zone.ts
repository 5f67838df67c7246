import type { KubeObject } from "../clusters/kube-client.ts";

export interface ServiceObject extends KubeObject {
  spec: { type?: string; externalName?: string; clusterIP?: string; publishNotReadyAddresses?: boolean };
}

export interface EndpointSliceObject extends KubeObject {
  endpoints?: { addresses: string[]; conditions?: { ready?: boolean }; hostname?: string }[] | null;
}

/** What one party's DNS server answers from. */
export interface Zone {
  /** Address of every pod of the party: on one machine they all live there. */
  podAddress: string;
  /** By `<namespace>/<name>`. */
  services: ReadonlyMap<string, ServiceObject>;
  endpointSlices: ReadonlyMap<string, EndpointSliceObject>;
  /** DNS name of each usable VPC endpoint of the party's account, lower case, to the address of its link. */
  vpcEndpoints: ReadonlyMap<string, string>;
  /** Public address of a party to the address on this machine that stands for the way there. Left out: none is known. */
  publicAddresses?: ReadonlyMap<string, string>;
}

export type ZoneRecord = { type: "CNAME"; name: string; target: string } | { type: "A"; name: string; address: string };

/** Records of a name; null where there is no such name. An empty list: the name is there, and has no address. */
export function lookUp(zone: Zone, question: string): ZoneRecord[] | null {
  const name = question.toLowerCase().replace(/\.$/, "");
  const external = zone.vpcEndpoints.get(name);
  if (external !== undefined) return [{ type: "A", name, address: external }];
  const labels = name.match(/^(?:([^.]+)\.)?([^.]+)\.([^.]+)\.svc\.cluster\.local$/);
  if (labels === null) return null;
  const [, host, serviceName, namespace] = labels;
  const key = `${namespace}/${serviceName}`;
  const service = zone.services.get(key);
  if (service === undefined) return null;
  if (host !== undefined) {
    const isThere = readyEndpoints(zone, key, service).some((endpoint) => endpoint.hostname === host);
    return isThere ? [{ type: "A", name, address: zone.podAddress }] : null;
  }
  if (service.spec.type === "ExternalName") {
    const target = (service.spec.externalName ?? "").toLowerCase().replace(/\.$/, "");
    return [{ type: "CNAME", name, target }, ...(lookUp(zone, target) ?? [])];
  }
  const isHeadless = service.spec.clusterIP === "None";
  const ready = isHeadless ? readyEndpoints(zone, key, service) : [];
  if (isHeadless && ready.length === 0) return null;
  const elsewhere = ready.flatMap(({ addresses }) =>
    addresses.flatMap((address) => zone.publicAddresses?.get(address) ?? []),
  );
  if (elsewhere.length > 0) return elsewhere.map((address) => ({ type: "A", name, address }));
  return [{ type: "A", name, address: zone.podAddress }];
}

function readyEndpoints(zone: Zone, key: string, service: ServiceObject) {
  const slices = [...zone.endpointSlices.values()].filter(
    ({ metadata }) => `${metadata.namespace}/${metadata.labels?.["kubernetes.io/service-name"]}` === key,
  );
  return slices
    .flatMap((slice) => slice.endpoints ?? [])
    .filter(({ conditions }) => service.spec.publishNotReadyAddresses || conditions?.ready !== false);
}
