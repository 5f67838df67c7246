import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

export interface GrpcServer {
  close(): void;
}

/** The core's gRPC services in clear text (h2c), as on port 50100 of KMS Core, which authorises no caller. */
export async function serveGrpc(address: string, healthStatus: () => Promise<object>): Promise<GrpcServer> {
  const server = new grpc.Server();
  const unary =
    (answer: () => Promise<object>): grpc.handleUnaryCall<unknown, unknown> =>
    (_call, callback) => {
      answer().then(
        (value) => callback(null, value),
        (error) => callback({ code: grpc.status.INTERNAL, details: String(error) }),
      );
    };
  const services = loadServices();
  server.addService(services.core, {
    GetHealthStatus: unary(healthStatus),
    GetKeyMaterialAvailability: unary(async () => ({ storage_info: "s3" })),
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
