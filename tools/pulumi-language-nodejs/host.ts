import type { ChildProcess } from "node:child_process";
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type StatusObject,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import services from "@pulumi/pulumi/proto/language_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/language_pb.js";
import plugins from "@pulumi/pulumi/proto/plugin_pb.js";
import { directDependencies, installedPackages } from "./installed-packages.ts";
import { type ProgramRun, runProgram } from "./run-program.ts";

// The official host comes with the official CLI and not with the engine's Go module. This one speaks as much of the
// engine's LanguageRuntime protocol as `pulumi preview|up|refresh|destroy|about` of a Node program needs; for the rest it
// says what to install.

const service = services.LanguageRuntimeService as unknown as ServiceDefinition;
const orphanCheckMs = 1_000;

interface ProgramInfoMessage {
  getRootDirectory(): string;
  getProgramDirectory(): string;
  getEntryPoint(): string;
  getOptions(): { toJavaScript(): Record<string, unknown> } | undefined;
}

/** Answers on one port until the engine interrupts it or goes away. The port is the first line on stdout. */
export async function startHost(argv: string[]): Promise<void> {
  const engine = argv.at(-1) ?? "";
  const tracing = argv.includes("--tracing") ? (argv[argv.indexOf("--tracing") + 1] ?? "") : "";
  const children = new Set<ChildProcess>();
  const server = new Server({ "grpc.max_receive_message_length": 400 * 1024 * 1024 });
  server.addService(service, handlers({ engine, tracing, children }));
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  const leave = () => {
    for (const child of children) child.kill("SIGKILL");
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, leave);
  const parent = process.ppid;
  // An engine that was killed can't interrupt us: its program must not go on alone.
  setInterval(() => process.ppid !== parent && leave(), orphanCheckMs).unref();
  process.stdout.write(`${port}\n`);
}

interface Host {
  engine: string;
  tracing: string;
  children: Set<ChildProcess>;
}

function handlers({ engine, tracing, children }: Host): UntypedServiceImplementation {
  const answers: Record<string, (request: never) => unknown | Promise<unknown>> = {
    handshake: () => empty("handshake"),
    runtimeOptionsPrompts: () => empty("runtimeOptionsPrompts"),
    template: () => empty("template"),
    getPluginInfo: () => new plugins.PluginInfo().setVersion("1.0.0"),
    about: () => new messages.AboutResponse().setExecutable(process.execPath).setVersion(process.version),
    getRequiredPackages: (request: InstanceType<typeof messages.GetRequiredPackagesRequest>) =>
      requiredPackages(infoOf(request)),
    getProgramDependencies: (request: InstanceType<typeof messages.GetProgramDependenciesRequest>) =>
      programDependencies(infoOf(request), request.getTransitivedependencies()),
    run: async (request: InstanceType<typeof messages.RunRequest>) => {
      const result = await runProgram(programRun(request, engine, tracing), (child) => {
        children.add(child);
        child.once("close", () => children.delete(child));
      });
      return new messages.RunResponse().setError(result.error).setBail(result.bail);
    },
    cancel: () => {
      for (const child of children) child.kill("SIGTERM");
      return empty("cancel");
    },
  };
  const refusals: Record<string, string> = {
    // Unimplemented would be taken for "nothing to install".
    installDependencies: "run npm ci in the project instead",
  };
  return Object.fromEntries(
    Object.keys(service).map((name) => {
      const answer = answers[name];
      if (answer !== undefined) return [name, unary(answer)];
      const advice = refusals[name];
      return advice === undefined
        ? [
            name,
            refuse(status.UNIMPLEMENTED, `${name} needs the official Pulumi CLI (https://www.pulumi.com/docs/install)`),
          ]
        : [name, refuse(status.FAILED_PRECONDITION, `${name}: ${advice}`)];
    }),
  );
}

function unary(answer: (request: never) => unknown): handleUnaryCall<unknown, unknown> {
  return (call: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>) => {
    Promise.resolve()
      .then(() => answer(call.request as never))
      .then(
        (response) => done(null, response),
        (error: unknown) => done({ code: status.UNKNOWN, details: (error as Error).stack ?? String(error) }),
      );
  };
}

/** Refuses a call of either shape: a stream has no callback to answer through. */
function refuse(code: status, details: string): handleUnaryCall<unknown, unknown> {
  return (call: ServerUnaryCall<unknown, unknown>, done?: sendUnaryData<unknown>) => {
    const error: Partial<StatusObject> = { code, details };
    if (done === undefined) call.emit("error", error);
    else done(error);
  };
}

/** The protocol's own empty message of a method's answer, whichever copy of protobuf it is made with. */
const empty = (method: string) => service[method]?.responseDeserialize(Buffer.alloc(0));

function infoOf(request: { getInfo(): unknown }): ProgramInfoMessage {
  const info = request.getInfo();
  if (info === undefined) throw new Error("this engine is too old: it sends no program info");
  return info as ProgramInfoMessage;
}

function programRun(request: InstanceType<typeof messages.RunRequest>, engine: string, tracing: string): ProgramRun {
  const info = infoOf(request);
  return {
    monitor: request.getMonitorAddress(),
    engine,
    tracing,
    organization: request.getOrganization(),
    project: request.getProject(),
    stack: request.getStack(),
    rootDirectory: info.getRootDirectory(),
    programDirectory: info.getProgramDirectory(),
    entryPoint: info.getEntryPoint(),
    args: request.getArgsList(),
    parallel: request.getParallel(),
    dryRun: request.getDryrun(),
    config: Object.fromEntries(request.getConfigMap().toArray()),
    secretKeys: request.getConfigsecretkeysList(),
    options: info.getOptions()?.toJavaScript() ?? {},
  };
}

/** The plugins of the SDKs that are installed; those that the caller attaches himself need no installing. */
function requiredPackages(info: ProgramInfoMessage) {
  const attached = new Set((process.env.PULUMI_DEBUG_PROVIDERS ?? "").split(",").map((entry) => entry.split(":")[0]));
  const packages = installedPackages(info.getProgramDirectory()).flatMap(({ plugin }) =>
    plugin === undefined || attached.has(plugin.name)
      ? []
      : [
          new plugins.PackageDependency()
            .setName(plugin.name)
            .setKind("resource")
            .setVersion(plugin.version)
            .setServer(plugin.server),
        ],
  );
  return new messages.GetRequiredPackagesResponse().setPackagesList(packages);
}

function programDependencies(info: ProgramInfoMessage, transitive: boolean) {
  const direct = new Set(directDependencies(info.getProgramDirectory()));
  const found = installedPackages(info.getProgramDirectory()).filter(({ name }) => transitive || direct.has(name));
  return new messages.GetProgramDependenciesResponse().setDependenciesList(
    found.map(({ name, version }) => new messages.DependencyInfo().setName(name).setVersion(version)),
  );
}
