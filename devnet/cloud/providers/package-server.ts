import * as grpc from "@grpc/grpc-js";
import pluginMessages from "@pulumi/pulumi/proto/plugin_pb.js";
import providerService from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import statusMessages from "@pulumi/pulumi/proto/status_pb.js";
import { Any, decode, Empty, encode, type Properties } from "./property-values.ts";

export interface Failure {
  /** Path of the input; empty for the resource as a whole. */
  property: string;
  reason: string;
}

export interface CheckResult {
  inputs: Properties;
  failures: Failure[];
}

export type DiffKind = "add" | "add-replace" | "delete" | "delete-replace" | "update" | "update-replace";

export interface DiffResult {
  /** Property path to what happens to it; nothing in it means no change. */
  detailed: { [path: string]: DiffKind };
  /** The old resource has to be gone before the new one can take its name. */
  deleteBeforeReplace?: boolean;
}

/** What every call about one resource carries. */
export interface ResourceCall {
  urn: string;
  type: string;
  name: string;
  /** Aborted when the engine cancels or hangs up. */
  signal: AbortSignal;
  /** The program's custom timeout; 0 where it gives none. */
  timeoutSeconds: number;
}

/** One package for one configured provider resource: what the engine may ask of it. */
export interface Connection {
  check(call: ResourceCall, request: { olds: Properties; news: Properties; randomSeed: Uint8Array }): CheckResult;
  diff(call: ResourceCall, request: DiffRequest): DiffResult;
  create(
    call: ResourceCall,
    request: { inputs: Properties; preview: boolean },
  ): Promise<{ id: string; outputs: Properties }>;
  /** Undefined where the resource is gone. */
  read(
    call: ResourceCall,
    request: { id: string; inputs: Properties; state: Properties },
  ): Promise<{ id: string; inputs: Properties; outputs: Properties } | undefined>;
  update(call: ResourceCall, request: UpdateRequest): Promise<Properties>;
  delete(call: ResourceCall, request: { id: string; inputs: Properties; state: Properties }): Promise<void>;
  invoke?(token: string, args: Properties, signal: AbortSignal): Promise<Properties>;
  construct?(request: ConstructRequest): Promise<{ urn: string; state: Properties; dependencies: string[] }>;
  call?(request: { token: string; args: Properties }): Promise<Properties>;
}

export interface DiffRequest {
  id: string;
  oldInputs: Properties;
  oldOutputs: Properties;
  newInputs: Properties;
  ignoreChanges: string[];
}

export interface UpdateRequest {
  id: string;
  oldInputs: Properties;
  state: Properties;
  inputs: Properties;
  preview: boolean;
}

/** A component to build through the engine's resource monitor. */
export interface ConstructRequest {
  type: string;
  name: string;
  parent: string;
  inputs: Properties;
  inputDependencies: { [property: string]: string[] };
  dependencies: string[];
  /** Package to the reference of the provider that its children use. */
  providers: { [pkg: string]: string };
  aliases: unknown[];
  protect: boolean | undefined;
  monitor: string;
  preview: boolean;
  signal: AbortSignal;
}

export interface ProviderPackage {
  version: string;
  /** Provider inputs whose change means another place, so that every resource is replaced. */
  moved?(olds: Properties, news: Properties): string[];
  configure(inputs: Properties): Promise<Connection>;
}

/** The resource exists, but is not what it should be: it goes into the state, and the update fails. */
export class InitFailed extends Error {
  readonly id: string;
  readonly outputs: Properties;
  readonly inputs: Properties;
  readonly reasons: string[];
  constructor(id: string, outputs: Properties, inputs: Properties, reasons: string[]) {
    super(reasons.join("; "));
    this.name = "InitFailed";
    this.id = id;
    this.outputs = outputs;
    this.inputs = inputs;
    this.reasons = reasons;
  }
}

interface Peer {
  connection: Promise<Connection> | undefined;
  cancelled: AbortController;
}

/** Speaks the engine's provider protocol for one package. Each connection of an engine is one provider resource, configured on its own. */
export function addPackage(server: grpc.Server, pkg: ProviderPackage): void {
  const peers = new Map<string, Peer>();
  const peerOf = (call: { getPeer(): string }) => {
    const key = call.getPeer();
    const known = peers.get(key) ?? { connection: undefined, cancelled: new AbortController() };
    peers.set(key, known);
    return known;
  };
  const connected = async (peer: Peer): Promise<Connection> => {
    if (!peer.connection) throw new Error("the provider was used before it was configured");
    return peer.connection;
  };

  server.addService(providerService.ResourceProviderService as unknown as grpc.ServiceDefinition, {
    handshake: unary((_request, call) => {
      // A new engine on a port that an earlier one used: nothing of the earlier may remain.
      peers.set(call.getPeer(), { connection: undefined, cancelled: new AbortController() });
      return new messages.ProviderHandshakeResponse()
        .setAcceptSecrets(true)
        .setAcceptResources(true)
        .setAcceptOutputs(true)
        .setSupportsAutonamingConfiguration(false);
    }),
    attach: unary(() => new Empty()),
    parameterize: unary(() => {
      throw unimplemented("Parameterize");
    }),
    getMapping: unary(() => new messages.GetMappingResponse()),
    getMappings: unary(() => new messages.GetMappingsResponse()),
    getPluginInfo: unary(() => new pluginMessages.PluginInfo().setVersion(pkg.version)),
    getSchema: unary(() => new messages.GetSchemaResponse().setSchema("{}")),
    cancel: unary((_request, call) => {
      peerOf(call).cancelled.abort(new Error("cancelled by the engine"));
      return new Empty();
    }),
    checkConfig: unary((request: InstanceType<typeof messages.CheckRequest>) =>
      new messages.CheckResponse().setInputs(request.getNews()),
    ),
    diffConfig: unary((request: InstanceType<typeof messages.DiffRequest>) => {
      const olds = decode(request.getOldInputs());
      const news = decode(request.getNews());
      const replaces = pkg.moved?.(olds, news) ?? [];
      const kinds = messages.DiffResponse.DiffChanges;
      return new messages.DiffResponse()
        .setChanges(JSON.stringify(olds) === JSON.stringify(news) ? kinds.DIFF_NONE : kinds.DIFF_SOME)
        .setReplacesList(replaces);
    }),
    configure: unary(async (request: InstanceType<typeof messages.ConfigureRequest>, call) => {
      const peer = peerOf(call);
      peer.connection = pkg.configure(decode(request.getArgs()));
      await peer.connection;
      return new messages.ConfigureResponse()
        .setAcceptsecrets(true)
        .setAcceptresources(true)
        .setAcceptoutputs(true)
        .setSupportspreview(true);
    }),
    check: unary(async (request: InstanceType<typeof messages.CheckRequest>, call) => {
      const { connection, about } = await resource(request, call);
      const { inputs, failures } = connection.check(about, {
        olds: decode(request.getOlds()),
        news: decode(request.getNews()),
        randomSeed: request.getRandomseed_asU8(),
      });
      return new messages.CheckResponse()
        .setInputs(encode(inputs) as never)
        .setFailuresList(
          failures.map(({ property, reason }) => new messages.CheckFailure().setProperty(property).setReason(reason)),
        );
    }),
    diff: unary(async (request: InstanceType<typeof messages.DiffRequest>, call) => {
      const { connection, about } = await resource(request, call);
      const result = connection.diff(about, {
        id: request.getId(),
        oldInputs: decode(request.getOldInputs()),
        oldOutputs: decode(request.getOlds()),
        newInputs: decode(request.getNews()),
        ignoreChanges: request.getIgnorechangesList(),
      });
      return diffResponse(result);
    }),
    create: unary(async (request: InstanceType<typeof messages.CreateRequest>, call) => {
      const { connection, about } = await resource(request, call, request.getTimeout());
      const { id, outputs } = await connection.create(about, {
        inputs: decode(request.getProperties()),
        preview: request.getPreview(),
      });
      return new messages.CreateResponse().setId(id).setProperties(encode(outputs) as never);
    }),
    read: unary(async (request: InstanceType<typeof messages.ReadRequest>, call) => {
      const { connection, about } = await resource(request, call);
      const found = await connection.read(about, {
        id: request.getId(),
        inputs: decode(request.getInputs()),
        state: decode(request.getProperties()),
      });
      const response = new messages.ReadResponse();
      if (!found) return response;
      return response
        .setId(found.id)
        .setProperties(encode(found.outputs) as never)
        .setInputs(encode(found.inputs) as never);
    }),
    update: unary(async (request: InstanceType<typeof messages.UpdateRequest>, call) => {
      const { connection, about } = await resource(request, call, request.getTimeout());
      const outputs = await connection.update(about, {
        id: request.getId(),
        oldInputs: decode(request.getOldInputs()),
        state: decode(request.getOlds()),
        inputs: decode(request.getNews()),
        preview: request.getPreview(),
      });
      return new messages.UpdateResponse().setProperties(encode(outputs) as never);
    }),
    delete: unary(async (request: InstanceType<typeof messages.DeleteRequest>, call) => {
      const { connection, about } = await resource(request, call, request.getTimeout());
      await connection.delete(about, {
        id: request.getId(),
        inputs: decode(request.getOldInputs()),
        state: decode(request.getProperties()),
      });
      return new Empty();
    }),
    invoke: unary(async (request: InstanceType<typeof messages.InvokeRequest>, call) => {
      const peer = peerOf(call);
      const connection = await connected(peer);
      if (!connection.invoke) throw unimplemented(`function ${request.getTok()}`);
      const result = await connection.invoke(request.getTok(), decode(request.getArgs()), peer.cancelled.signal);
      return new messages.InvokeResponse().setReturn(encode(result) as never);
    }),
    call: unary(async (request: InstanceType<typeof messages.CallRequest>, call) => {
      const connection = await connected(peerOf(call));
      if (!connection.call) throw unimplemented(`method ${request.getTok()}`);
      const result = await connection.call({ token: request.getTok(), args: decode(request.getArgs()) });
      return new messages.CallResponse().setReturn(encode(result) as never);
    }),
    construct: unary(async (request: InstanceType<typeof messages.ConstructRequest>, call) => {
      const peer = peerOf(call);
      const connection = await connected(peer);
      if (!connection.construct) throw unimplemented(`component ${request.getType()}`);
      const { urn, state, dependencies } = await connection.construct({
        type: request.getType(),
        name: request.getName(),
        parent: request.getParent(),
        inputs: decode(request.getInputs()),
        inputDependencies: Object.fromEntries(
          [...request.getInputdependenciesMap().entries()].map(([property, urns]) => [property, urns.getUrnsList()]),
        ),
        dependencies: request.getDependenciesList(),
        providers: Object.fromEntries(request.getProvidersMap().entries()),
        aliases: request.getAliasesList(),
        protect: request.hasProtect() ? request.getProtect() : undefined,
        monitor: request.getMonitorendpoint(),
        preview: request.getDryrun(),
        signal: peer.cancelled.signal,
      });
      const response = new messages.ConstructResponse().setUrn(urn).setState(encode(state) as never);
      for (const property of Object.keys(state))
        response
          .getStatedependenciesMap()
          .set(property, new messages.ConstructResponse.PropertyDependencies().setUrnsList(dependencies));
      return response;
    }),
    list: (call: grpc.ServerWritableStream<unknown, unknown>) => {
      call.emit("error", { code: grpc.status.UNIMPLEMENTED, details: "List is not implemented" });
    },
  });

  async function resource(
    request: { getUrn(): string; getType(): string; getName(): string },
    call: grpc.ServerUnaryCall<unknown, unknown>,
    timeoutSeconds = 0,
  ) {
    const peer = peerOf(call);
    // An engine that is killed hangs up; what it waited for must not go on beside what the next one does.
    const hungUp = new AbortController();
    call.on("cancelled", () => hungUp.abort(new Error("the engine hung up")));
    const connection = await connected(peer);
    const about: ResourceCall = {
      urn: request.getUrn(),
      type: request.getType(),
      name: request.getName(),
      signal: AbortSignal.any([peer.cancelled.signal, hungUp.signal]),
      timeoutSeconds,
    };
    return { connection, about };
  }
}

function diffResponse({ detailed, deleteBeforeReplace = false }: DiffResult) {
  const kinds = messages.PropertyDiff.Kind;
  const wire = {
    add: kinds.ADD,
    "add-replace": kinds.ADD_REPLACE,
    delete: kinds.DELETE,
    "delete-replace": kinds.DELETE_REPLACE,
    update: kinds.UPDATE,
    "update-replace": kinds.UPDATE_REPLACE,
  };
  const response = new messages.DiffResponse().setHasdetaileddiff(true).setDeletebeforereplace(deleteBeforeReplace);
  const top = (path: string) => path.split(/[.[]/)[0] ?? path;
  const paths = Object.entries(detailed);
  response.setChanges(
    paths.length > 0 ? messages.DiffResponse.DiffChanges.DIFF_SOME : messages.DiffResponse.DiffChanges.DIFF_NONE,
  );
  response.setDiffsList([...new Set(paths.map(([path]) => top(path)))]);
  response.setReplacesList([
    ...new Set(paths.filter(([, kind]) => kind.endsWith("replace")).map(([path]) => top(path))),
  ]);
  for (const [path, kind] of paths)
    response.getDetaileddiffMap().set(path, new messages.PropertyDiff().setKind(wire[kind]));
  return response;
}

function unary<Request>(
  handle: (request: Request, call: grpc.ServerUnaryCall<Request, unknown>) => unknown,
): grpc.handleUnaryCall<Request, unknown> {
  return (call, callback) => {
    Promise.resolve()
      .then(() => handle(call.request, call))
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(grpcError(error)),
      );
  };
}

const unimplemented = (what: string) =>
  Object.assign(new Error(`${what} is not implemented`), { code: grpc.status.UNIMPLEMENTED });

function grpcError(error: unknown): Partial<grpc.StatusObject> {
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as { code?: unknown }).code;
  if (!(error instanceof InitFailed))
    return { code: typeof code === "number" ? code : grpc.status.UNKNOWN, details: message };
  const detail = new messages.ErrorResourceInitFailed()
    .setId(error.id)
    .setProperties(encode(error.outputs) as never)
    .setInputs(encode(error.inputs) as never)
    .setReasonsList(error.reasons);
  const any = new Any();
  any.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  // Go's gRPC finds an error's details in this header; grpc-js has no other way to send them.
  const status = new statusMessages.Status().setCode(grpc.status.UNKNOWN).setMessage(message);
  status.addDetails(any as never);
  const metadata = new grpc.Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return { code: grpc.status.UNKNOWN, details: message, metadata };
}
