import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import messages from "@pulumi/pulumi/proto/resource_pb.js";
import { getMonitor } from "@pulumi/pulumi/runtime/settings.js";
import { z } from "zod";
import { partyNames } from "../components/kubernetes/party-namespace.ts";
import { peerCertificatesAnnotation } from "../components/zama-kms/core-start.ts";
import { coreName } from "../components/zama-kms/core-values.ts";
import { JsonText } from "../contract/json-text.ts";
import type { LastDeployment } from "./deployment-facts.ts";

// The messages of @pulumi/pulumi work only with the google-protobuf that it brings itself.
const bring = createRequire(import.meta.resolve("@pulumi/pulumi/proto/resource_pb.js"));
const { Struct } = bring("google-protobuf/google/protobuf/struct_pb.js") as {
  Struct: { fromJavaScript(value: object): Parameters<messages.ResourceInvokeRequest["setArgs"]>[0] };
};

const Resource = z.object({ type: z.string(), outputs: z.record(z.string(), z.unknown()).optional() });

const ConfigMap = z.object({
  metadata: z.object({ name: z.literal(partyNames.configMap) }),
  data: z.object({
    KMS_CORE__PUBLIC_VAULT__STORAGE__S3__PREFIX: z.string(),
    KMS_CORE__PRIVATE_VAULT__STORAGE__S3__PREFIX: z.string(),
  }),
});

const Release = z.object({
  name: z.literal(coreName),
  values: z.object({
    kmsCore: z.object({ enabled: z.literal(true), image: z.object({ tag: z.string() }) }),
    podAnnotations: z.record(z.string(), z.string()).optional(),
  }),
});

const NamedRelease = z.object({ name: z.string() });

const Provider = z.object({
  region: z.string(),
  allowedAccountIds: JsonText.pipe(z.tuple([z.string()])),
  defaultTags: JsonText.pipe(z.object({ tags: z.object({ party: z.string().optional() }) })).optional(),
});

/** What nothing makes again as it was. */
const irreplaceable: readonly string[] = ["aws:kms/key:Key", "aws:s3/bucket:Bucket"];

/**
 * Reads the running stack's own state, from whatever backend it lies in. Not its outputs: those are written at the end of an update only, and one
 * that failed after it had made the core would be forgotten.
 */
export async function readLastDeployment(): Promise<LastDeployment> {
  const organization = pulumi.getOrganization();
  const stack = pulumi.getStack();
  // Backends without organizations name all of them so; an older layout of theirs takes bare names only.
  const stackName = organization === "organization" ? stack : `${organization}/${pulumi.getProject()}/${stack}`;
  const { outputs } = await ask("pulumi:pulumi:readStackResourceOutputs", { stackName });
  return lastDeploymentOf(Object.values(outputs ?? {}));
}

/**
 * Asks the engine itself. Pulumi's own `invoke` would build each resource that an output refers to, and fail: before the program has
 * declared anything the engine knows none of them.
 */
async function ask(token: string, args: Record<string, string>): Promise<{ outputs?: Record<string, unknown> }> {
  const monitor = getMonitor();
  if (monitor === undefined) throw new Error("the party program runs without an engine");
  const request = new messages.ResourceInvokeRequest();
  request.setTok(token);
  request.setArgs(Struct.fromJavaScript(args));
  request.setAcceptresources(false);
  return await new Promise((resolve, reject) => {
    monitor.invoke(request, (failure, answer) => {
      const [problem] = answer?.getFailuresList() ?? [];
      if (failure !== null || problem !== undefined)
        reject(new Error(`the state of this stack can not be read: ${failure?.message ?? problem?.getReason()}`));
      else resolve(answer.getReturn()?.toJavaScript() ?? {});
    });
  });
}

/** The same of resources as the engine hands them over. */
export function lastDeploymentOf(resources: readonly unknown[]): LastDeployment {
  const found = resources.flatMap((resource) => Resource.safeParse(resource).data ?? []);
  const allOutputsOf = <T>(type: string, shape: z.ZodType<T>) =>
    found.flatMap((resource) => (resource.type === type ? (shape.safeParse(resource.outputs).data ?? []) : []));
  const outputsOf = <T>(type: string, shape: z.ZodType<T>) => allOutputsOf(type, shape)[0];
  const data = outputsOf("kubernetes:core/v1:ConfigMap", ConfigMap)?.data;
  const releases = allOutputsOf("kubernetes:helm.sh/v3:Release", NamedRelease).map(({ name }) => name);
  const values = outputsOf("kubernetes:helm.sh/v3:Release", Release)?.values;
  const provider = found.some(({ type }) => irreplaceable.includes(type))
    ? outputsOf("pulumi:providers:aws", Provider)
    : undefined;
  return {
    place: provider && {
      party: provider.defaultTags?.tags.party,
      accountId: provider.allowedAccountIds[0],
      region: provider.region,
    },
    prefixes: data && {
      public: data.KMS_CORE__PUBLIC_VAULT__STORAGE__S3__PREFIX,
      private: data.KMS_CORE__PRIVATE_VAULT__STORAGE__S3__PREFIX,
    },
    core: values && {
      imageDigest: /@(sha256:[0-9a-f]{64})$/.exec(values.kmsCore.image.tag)?.[1],
      peerCertificates: values.podAnnotations?.[peerCertificatesAnnotation],
    },
    ...(releases.length > 0 && { releases }),
  };
}
