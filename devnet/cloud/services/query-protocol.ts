import type { AwsAnswer, AwsCall, AwsService, CloudContext } from "../aws-call.ts";
import { AwsError, notSimulated } from "../aws-error.ts";
import { renderXml, type Xml } from "../xml.ts";

/** Parameters of a call of the query protocol, from the form or, in a presigned URL, from the query. */
export class QueryParameters {
  readonly #values: URLSearchParams;

  constructor(call: AwsCall) {
    this.#values = new URLSearchParams(call.query);
    for (const [name, value] of new URLSearchParams(call.body.toString("utf8"))) this.#values.set(name, value);
  }

  get(name: string): string | undefined {
    return this.#values.get(name) ?? undefined;
  }

  require(name: string): string {
    const value = this.get(name);
    if (value) return value;
    throw new AwsError("MissingParameter", `The request must contain the parameter ${name}`);
  }

  /** `Name.1`, `Name.2`, …, also in IAM's form `Name.member.1`. */
  list(name: string): string[] {
    const found: string[] = [];
    for (let i = 1; ; i += 1) {
      const value = this.get(`${name}.${i}`) ?? this.get(`${name}.member.${i}`);
      if (value === undefined) return found;
      found.push(value);
    }
  }
}

export type QueryAction = (parameters: QueryParameters, call: AwsCall, cloud: CloudContext) => Xml | Promise<Xml>;

/** Runs the action that the call names; an unknown one is refused by name. */
export async function runQueryAction(
  service: string,
  actions: Record<string, QueryAction>,
  call: AwsCall,
  cloud: CloudContext,
): Promise<{ action: string; result: Xml }> {
  const parameters = new QueryParameters(call);
  const action = parameters.require("Action");
  const run = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (!run) throw notSimulated(service, action);
  return { action, result: await run(parameters, call, cloud) };
}

/** A service whose answers and errors have the envelope of STS and IAM. */
export function queryService(name: string, namespace: string, actions: Record<string, QueryAction>): AwsService {
  return {
    async handle(call, cloud) {
      const { action, result } = await runQueryAction(name, actions, call, cloud);
      const content = { [`${action}Result`]: result, ResponseMetadata: { RequestId: call.requestId } };
      return xmlAnswer(200, renderXml(`${action}Response`, content, namespace));
    },
    renderError: (error, call) => renderQueryError(namespace, error, call),
  };
}

function renderQueryError(namespace: string, error: AwsError, call: Pick<AwsCall, "requestId">): AwsAnswer {
  const fault = { Type: error.status < 500 ? "Sender" : "Receiver", Code: error.code, Message: error.message };
  return xmlAnswer(error.status, renderXml("ErrorResponse", { Error: fault, RequestId: call.requestId }, namespace));
}

export function xmlAnswer(status: number, body: string): AwsAnswer {
  return { status, headers: { "content-type": "text/xml" }, body };
}
