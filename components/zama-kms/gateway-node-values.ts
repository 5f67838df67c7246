/** Name of the Helm release, and of the Service in front of the node. */
export const gatewayNodeName = "gateway-node";
/** Labels of its pod, as the chart nitro gives them. */
export const gatewayNodePods = { "app.kubernetes.io/instance": gatewayNodeName };
export const gatewayNodePort = 8547;

/** Where it answers inside the party's namespace. */
export const gatewayNodeUrl = `http://${gatewayNodeName}:${gatewayNodePort}`;
