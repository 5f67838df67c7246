import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { CoreMetrics } from "./metrics.ts";
import { type Method, methods } from "./operations.ts";

export interface GrpcServer {
  close(): void;
}

export interface GrpcAnswers {
  healthStatus(): Promise<object>;
  keyMaterial(): object;
  bandwidth(request: unknown): Promise<object>;
  /** Why an operation is not run. */
  refuse(method: Method): { code: grpc.status; details: string };
}

/** The core's gRPC services in clear text (h2c), as on port 50100 of KMS Core, which authorises no caller. */
export async function serveGrpc(address: string, answers: GrpcAnswers, metrics: CoreMetrics): Promise<GrpcServer> {
  const server = new grpc.Server();
  const unary =
    (answer: (request: unknown) => Promise<object>): grpc.handleUnaryCall<unknown, unknown> =>
    ({ request }, callback) => {
      answer(request).then(
        (value) => callback(null, value),
        (error) => callback("code" in error ? error : { code: grpc.status.INTERNAL, details: String(error) }),
      );
    };
  const services = loadServices();
  const refusals = methods.map((method): [string, grpc.UntypedHandleCall] => [
    method,
    ((_call, callback) => callback(answers.refuse(method))) as grpc.handleUnaryCall<unknown, unknown>,
  ]);
  server.addService(services.core, {
    ...Object.fromEntries(refusals),
    // Asked for its health, a core asks itself for its key material; upstream has no other name for the call.
    GetHealthStatus: unary(async () => {
      metrics.asked(keyMaterialOperation);
      const start = performance.now();
      const status = await answers.healthStatus();
      metrics.took(keyMaterialOperation, performance.now() - start);
      return status;
    }),
    GetKeyMaterialAvailability: unary(async () => {
      metrics.asked(keyMaterialOperation);
      return answers.keyMaterial();
    }),
    BandwidthBenchmark: unary((request) => answers.bandwidth(request)),
  });
  server.addService(services.health, {
    Check: unary(async () => ({ status: "SERVING" })),
    Watch: (call: grpc.ServerWritableStream<unknown, unknown>) => call.write({ status: "SERVING" }),
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
  });
  return { close: () => server.forceShutdown() };
}

const keyMaterialOperation = "key_material_availability";

function loadServices(): { core: grpc.ServiceDefinition; health: grpc.ServiceDefinition } {
  const definitions = loadSync(["kms-service.proto", "grpc-health.proto"], {
    includeDirs: [import.meta.dirname],
    keepCase: true,
    enums: String,
    longs: Number,
    defaults: true,
  });
  const service = (name: string) => definitions[name] as unknown as grpc.ServiceDefinition;
  return { core: service("kms_service.v1.CoreServiceEndpoint"), health: service("grpc.health.v1.Health") };
}
