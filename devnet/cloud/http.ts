import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { AwsAnswer, AwsCall, AwsService, CloudContext } from "./aws-call.ts";
import { AwsError } from "./aws-error.ts";
import { answerControl } from "./control.ts";
import type { Principal } from "./policy.ts";
import { ec2 } from "./services/ec2.ts";
import { eks } from "./services/eks.ts";
import { elasticLoadBalancing } from "./services/elastic-load-balancing.ts";
import { iam } from "./services/iam.ts";
import { kms } from "./services/kms.ts";
import { s3 } from "./services/s3.ts";
import { sts } from "./services/sts.ts";
import { verifySignature } from "./signature.ts";
import { reviewToken } from "./token-review.ts";

/** By service name of the signature's credential scope. */
const services: Record<string, AwsService> = {
  ...{ sts, s3, kms, ec2, eks, iam },
  elasticloadbalancing: elasticLoadBalancing,
};

const bodyLimitBytes = 64 * 1024 * 1024;

/** Serves all AWS services, the token webhook and the control endpoints on one address. */
export async function serveHttp(
  cloud: CloudContext,
  listen: { host: string; port: number },
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    answer(request, response, cloud).catch((error: unknown) => {
      // The caller went away in the middle of its request: nobody is there to hear of it.
      if (request.destroyed && !request.complete) return;
      // Whatever is not an AwsError is a bug of ours: seen in the log, and by the caller as AWS's own word for it.
      console.error(error);
      if (!response.headersSent) response.writeHead(500, { "content-type": "text/plain" });
      response.end(`InternalFailure: ${(error as Error).message}\n`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(listen.port, listen.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, cloud: CloudContext): Promise<void> {
  const requestId = randomUUID();
  const target = request.url ?? "/";
  const [path = "/"] = target.split("?");
  const body = await readBody(request);
  if (path.startsWith("/devnet/")) return send(response, await answerControl(request, path, body, cloud));
  if (path.startsWith("/token-review/")) return send(response, await reviewToken(path, body, cloud));

  const method = request.method ?? "GET";
  // Until the signature has named the service, an error is rendered for whom it most likely is.
  let service = guessService(request, body);
  let result: AwsAnswer;
  try {
    if (body.length > bodyLimitBytes)
      throw new AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum size");
    const holderOf = cloud.credentials.holderOf.bind(cloud.credentials);
    const verified = verifySignature<Principal>(
      { method, target, headers: request.headers, body },
      holderOf,
      cloud.now(),
    );
    const known = verified && Object.hasOwn(services, verified.service) ? services[verified.service] : undefined;
    if (verified && !known)
      throw new AwsError("InvalidAction", `The simulated cloud has no service ${verified.service}`, 501);
    service = known ?? service;
    if (!verified && service !== s3 && service !== sts)
      throw new AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
    const call: AwsCall = {
      method,
      path,
      query: new URLSearchParams(target.slice(path.length + 1)),
      headers: request.headers,
      body,
      principal: verified?.principal ?? { kind: "anonymous" },
      region: verified?.region ?? "us-east-1",
      requestId,
    };
    result = await service.handle(call, cloud);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    result = service.renderError(error, { path, requestId, method });
  }
  send(
    response,
    { ...result, headers: { "x-amzn-requestid": requestId, "x-amz-request-id": requestId, ...result.headers } },
    method,
  );
}

function guessService(request: IncomingMessage, body: Buffer): AwsService {
  const [, named] = /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\//.exec(request.headers.authorization ?? "") ?? [];
  if (named && Object.hasOwn(services, named)) return services[named] ?? s3;
  if (request.headers["x-amz-target"] !== undefined) return kms;
  const form = request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded");
  return form || body.subarray(0, 7).toString("latin1") === "Action=" || /[?&]Action=/.test(request.url ?? "")
    ? sts
    : s3;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    // One chunk over the limit is kept, so that the caller is told and memory is not filled.
    if (size <= bodyLimitBytes + chunk.length) chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, result: AwsAnswer, method = "POST"): void {
  const body = result.body === undefined ? Buffer.alloc(0) : Buffer.from(result.body);
  const withoutBody = result.status === 204 || result.status === 304;
  response.writeHead(result.status, { ...result.headers, ...(withoutBody ? {} : { "content-length": body.length }) });
  response.end(method === "HEAD" || withoutBody ? undefined : body);
}
