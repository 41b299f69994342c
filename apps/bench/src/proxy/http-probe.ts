import { type Agent as HttpAgent, request as requestHttp } from "node:http";
import { type Agent as HttpsAgent, request as requestHttps } from "node:https";

import { requestFields } from "./loads/request-fields.ts";

const deadlineMs = 5_000;

/** What a probe sends. */
export interface ProbeOptions {
  readonly method?: string | undefined;
  readonly body?: string | undefined;
  /** Keeps the connection for later probes. Default: a connection for each. */
  readonly agent?: HttpAgent | HttpsAgent | undefined;
}

/** What a probe got. */
export interface ProbeAnswer {
  readonly status: number;
  readonly bytes: number;
}

/** Sends one request as the load generators do, and reads the whole answer. Certificates are not looked at. */
export function probe(url: string, options: ProbeOptions = {}): Promise<ProbeAnswer> {
  const { method = "GET", body, agent } = options;
  const request = url.startsWith("https:") ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method,
      headers: { ...requestFields, ...(body !== undefined && { "Content-Length": body.length }) },
      agent: agent ?? false,
      rejectUnauthorized: false,
      signal: AbortSignal.timeout(deadlineMs),
    });
    sent.once("error", reject);
    sent.once("response", (response) => {
      let bytes = 0;
      response.once("error", reject);
      response.on("data", (chunk: Buffer) => (bytes += chunk.length));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, bytes }));
    });
    sent.end(body);
  });
}

/** Whether something answers there with 200. */
export async function answers(url: string): Promise<boolean> {
  return (await probe(url)).status === 200;
}

/** @throws Error unless the answer is a 200 of that many bytes. */
export async function expectBody(
  url: string,
  bytes: number,
  options?: ProbeOptions,
): Promise<void> {
  const answer = await probe(url, options);
  if (answer.status !== 200 || answer.bytes !== bytes) {
    throw new Error(`answered ${answer.status} with ${answer.bytes} bytes`);
  }
}
