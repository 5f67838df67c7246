import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Server, ServerCredentials, type UntypedServiceImplementation } from "@grpc/grpc-js";
import type { ResourceValidationPolicy, StackValidationPolicy } from "@pulumi/policy";
import { allAtOnce, toPolicy } from "./rule.ts";
import { packName, rules } from "./rules.ts";

const require = createRequire(import.meta.url);
const largestMessage = 400 * 1024 * 1024;

type Policy = ResourceValidationPolicy | StackValidationPolicy;
type Handler = (call: never, done: (error: unknown, answer?: unknown) => void) => void;
type MakeHandler = (name: string, version: string, level: string, policies: Policy[]) => Handler;

/** What `@pulumi/policy` serves a pack with; it declares none of it. */
interface PolicyServer {
  makeAnalyzeRpcFun: MakeHandler;
  makeAnalyzeStackRpcFun: MakeHandler;
  makeRemediateRpcFun: MakeHandler;
}

/** Folder of the pack, for an engine. */
export const packFolder = fileURLToPath(new URL(".", import.meta.url));

/** A server that engines ask about resources, in this process. */
export interface Analyzer {
  port: number;
  close(): void;
}

/**
 * Runs the pack here for any number of engines. A pack of its own process would cost each engine the start of Node, of
 * the SDK and of a TypeScript compiler: more than the preview itself.
 */
export async function startAnalyzer(): Promise<Analyzer> {
  const { version } = require("./package.json");
  const { AnalyzerService } = require("@pulumi/pulumi/proto/analyzer_grpc_pb");
  const messages = require("@pulumi/pulumi/proto/analyzer_pb");
  const { PluginInfo } = require("@pulumi/pulumi/proto/plugin_pb");
  const { makeAnalyzerInfo } = require("@pulumi/policy/protoutil");
  const served: PolicyServer = require("@pulumi/policy/server");
  // One policy that asks all rules reads a resource once; CrossGuard reads it again for each policy.
  const header = [packName, version, "advisory", allAtOnce(rules)] as const;
  const answer =
    (make: () => unknown): Handler =>
    (_call, done) =>
      done(null, make());
  const handlers = {
    analyze: served.makeAnalyzeRpcFun(...header),
    analyzeStack: served.makeAnalyzeStackRpcFun(...header),
    remediate: served.makeRemediateRpcFun(...header),
    getAnalyzerInfo: answer(() => makeAnalyzerInfo(packName, version, "advisory", { policies: rules.map(toPolicy) })),
    getPluginInfo: answer(() => new PluginInfo().setVersion(version)),
    configure: answer(() => new AnalyzerService.configure.responseType()),
    configureStack: answer(() => new messages.AnalyzerStackConfigureResponse()),
  };
  const server = new Server({ "grpc.max_receive_message_length": largestMessage });
  server.addService(AnalyzerService, handlers as unknown as UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return { port, close: () => server.forceShutdown() };
}
