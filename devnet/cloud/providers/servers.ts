import * as grpc from "@grpc/grpc-js";
import type { CloudConfig } from "../config.ts";
import type { CloudStore } from "../store.ts";
import { awsPackage } from "./aws/aws-package.ts";
import { eksPackage } from "./eks-package.ts";
import { kubernetesPackage } from "./kubernetes/kubernetes-package.ts";
import { addPackage, type ProviderPackage } from "./package-server.ts";
import { randomPackage } from "./random-package.ts";

export type ProviderName = "aws" | "eks" | "kubernetes" | "random";

export interface ProvidersConfig extends Pick<CloudConfig, "accounts" | "endpointServices"> {
  /** Ports of an earlier process, which engines may have been told of: taken again where they are free. */
  providerPorts?: { readonly [name in ProviderName]?: number } | undefined;
  /** Besides its own, what an exec plugin of a kubeconfig finds in its environment: where AWS's shared files are. */
  execEnv?: { readonly [name: string]: string };
}

/** Serves the stand-in providers on loopback, one port per package, for `PULUMI_DEBUG_PROVIDERS`. */
export async function startProviders(options: { store: CloudStore; config: ProvidersConfig }): Promise<{
  ports: Record<ProviderName, number>;
  close(): Promise<void>;
}> {
  const { store, config } = options;
  const packages: Record<ProviderName, ProviderPackage> = {
    aws: awsPackage({ store, accounts: config.accounts, endpointServices: config.endpointServices }),
    eks: eksPackage(),
    kubernetes: kubernetesPackage({ execEnv: config.execEnv ?? {} }),
    random: randomPackage(),
  };
  const servers: grpc.Server[] = [];
  const listening = await Promise.all(
    (Object.entries(packages) as [ProviderName, ProviderPackage][]).map(async ([name, pkg]) => {
      const server = new grpc.Server({
        // The engine's own limit: a chart's values or a large manifest may be many megabytes.
        "grpc.max_receive_message_length": 400 * 1024 * 1024,
        "grpc.max_send_message_length": 400 * 1024 * 1024,
      });
      addPackage(server, pkg);
      servers.push(server);
      return [name, await bind(server, config.providerPorts?.[name])] as const;
    }),
  );
  return {
    ports: Object.fromEntries(listening) as Record<ProviderName, number>,
    async close() {
      for (const server of servers) server.forceShutdown();
    },
  };
}

async function bind(server: grpc.Server, preferred: number | undefined): Promise<number> {
  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
  if (preferred === undefined) return listen(0);
  try {
    return await listen(preferred);
  } catch {
    // Someone else has it by now; whoever hands out the ports learns of the new one.
    return listen(0);
  }
}
