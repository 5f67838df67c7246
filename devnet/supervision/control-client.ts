import { request } from "node:http";
import { OperatorError, type Problem } from "../../contract/operator-error.ts";
import { addressesOf, ports } from "../addresses.ts";
import type { DevnetState } from "./state.ts";

/** Asks the devnetd of this state; null where nobody (or a stranger) answers there. */
export async function askDevnetd<T>(
  state: Pick<DevnetState, "k" | "token">,
  route: string,
  body: unknown = null,
  timeoutMs = 60_000,
): Promise<T | null> {
  let answer: { status: number; text: string };
  try {
    answer = await post(state, route, body, timeoutMs);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "HPE_INVALID_CONSTANT"].includes(code)) return null;
    throw error;
  }
  // Another token is another devnet, which took this number after ours had gone.
  if (answer.status === 401 || answer.status === 404) return null;
  const value = JSON.parse(answer.text) as T & { problem?: Problem; error?: string };
  if (answer.status === 422 && value.problem) throw new OperatorError(value.problem);
  if (answer.status !== 200) throw new Error(`devnetd answers ${answer.status}: ${value.error}`);
  return value;
}

function post(
  state: Pick<DevnetState, "k" | "token">,
  route: string,
  body: unknown,
  timeoutMs: number,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: addressesOf(state.k).control,
        port: ports.control,
        path: `/${route}`,
        method: "POST",
        agent: false,
        timeout: timeoutMs,
        headers: { authorization: `Bearer ${state.token}` },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
        );
      },
    );
    sent.on("timeout", () =>
      sent.destroy(Object.assign(new Error(`devnetd is silent for ${timeoutMs / 1000} s`), { code: "ETIMEDOUT" })),
    );
    sent.on("error", reject);
    sent.end(body === null ? "" : JSON.stringify(body));
  });
}
