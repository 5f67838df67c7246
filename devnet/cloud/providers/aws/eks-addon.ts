import { randomUUID } from "node:crypto";
import type { Properties } from "../property-values.ts";
import { type AwsResource, awsError, text } from "./aws-resource.ts";

export const addonType = "aws:eks/addon:Addon";

/** What each add-on can be configured with, at the top; `text` where EKS wants a boolean as text. */
const settings: { readonly [addon: string]: { readonly [field: string]: "text" | "any" } } = {
  "vpc-cni": {
    enableNetworkPolicy: "text",
    enableWindowsIpam: "text",
    env: "any",
    nodeAgent: "any",
    resources: "any",
    tolerations: "any",
  },
  "kube-proxy": { resources: "any", mode: "any" },
  coredns: {
    tolerations: "any",
    replicaCount: "any",
    resources: "any",
    autoScaling: "any",
    podDisruptionBudget: "any",
    corefile: "any",
  },
  "aws-ebs-csi-driver": { controller: "any", node: "any", defaultStorageClass: "any", sidecars: "any" },
  "eks-pod-identity-agent": { agent: "any", resources: "any", tolerations: "any" },
};

/** An add-on of an EKS cluster. */
export const addon: AwsResource = {
  create(caller, inputs) {
    const clusterName = text(inputs.clusterName);
    const name = text(inputs.addonName);
    const refused = (status: number, code: string, message: string) =>
      awsError("EKS", "CreateAddon", status, code, message);
    if (!caller.store.get("aws:eks/cluster:Cluster", clusterName))
      throw refused(404, "ResourceNotFoundException", `No cluster found for name: ${clusterName}.`);
    const id = `${clusterName}:${name}`;
    if (caller.store.get(addonType, id)) throw refused(409, "ResourceInUseException", "Addon already exists.");
    checkSettings("CreateAddon", inputs);
    const now = new Date().toISOString();
    return {
      id,
      computed: {
        arn: `arn:aws:eks:${caller.region}:${caller.account.accountId}:addon/${clusterName}/${name}/${randomUUID()}`,
        addonVersion: inputs.addonVersion ?? "v1.0.0-eksbuild.1",
        configurationValues: inputs.configurationValues ?? "",
        createdAt: now,
        modifiedAt: now,
      },
    };
  },
  update(_caller, _id, inputs, before) {
    checkSettings("UpdateAddon", inputs);
    return {
      addonVersion: inputs.addonVersion ?? before.addonVersion,
      configurationValues: inputs.configurationValues ?? "",
      modifiedAt: new Date().toISOString(),
    };
  },
};

function checkSettings(operation: string, inputs: Properties): void {
  const invalid = (message: string) => awsError("EKS", operation, 400, "InvalidParameterException", message);
  const known = settings[text(inputs.addonName)];
  if (!known) throw invalid(`Addon ${text(inputs.addonName)} specified is not supported`);
  const wrong = (message: string) =>
    invalid(
      `ConfigurationValue provided in request is not supported: Json schema validation failed with error: ${message}`,
    );
  for (const [name, value] of Object.entries(parsed(inputs.configurationValues, wrong))) {
    if (!(name in known))
      throw wrong(`[$.${name}: is not defined in the schema and the schema does not allow additional properties]`);
    if (known[name] === "text" && value !== "true" && value !== "false")
      throw wrong(`[$.${name}: ${typeof value} found, string expected]`);
  }
}

function parsed(values: unknown, wrong: (message: string) => Error): Properties {
  if (values === undefined || values === "") return {};
  try {
    return JSON.parse(text(values)) as Properties;
  } catch {
    throw wrong("not a JSON object");
  }
}
