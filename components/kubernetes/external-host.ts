import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { HostLabel } from "../../contract/names.ts";
import { checkArgs } from "../check-args.ts";

export interface ExternalHostArgs {
  namespace: pulumi.Input<string>;
  /** Name under which the cluster knows it. */
  host: string;
  /** DNS name that it stands for. */
  externalName: pulumi.Input<string>;
  port: { name: string; number: number };
}

/** A name in the cluster for a host outside of it. Creates: ExternalName Service. */
export class ExternalHost extends pulumi.ComponentResource {
  /** DNS name in the cluster. */
  readonly dnsName: pulumi.Output<string>;

  constructor(name: string, args: ExternalHostArgs, opts?: pulumi.ComponentResourceOptions) {
    checkArgs(`external host ${name}`, [
      !HostLabel.safeParse(args.host).success && {
        propertyPath: "host",
        reason: `is no name of a Service: ${args.host}`,
      },
    ]);
    super("quorate:kubernetes:ExternalHost", name, {}, opts);
    new kubernetes.core.v1.Service(
      `${name}-service`,
      {
        metadata: { name: args.host, namespace: args.namespace },
        spec: {
          type: "ExternalName",
          externalName: args.externalName,
          ports: [{ name: args.port.name, port: args.port.number, targetPort: args.port.number }],
        },
      },
      { parent: this },
    );
    this.dnsName = pulumi.interpolate`${args.host}.${args.namespace}.svc.cluster.local`;
    this.registerOutputs({ dnsName: this.dnsName });
  }
}
