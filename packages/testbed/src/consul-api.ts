import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { text } from "node:stream/consumers";

const deadlineMs = 10_000;

/** An answer of Consul's HTTP API. */
export interface ConsulAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body: parsed where it is JSON, else as text. */
  readonly body: unknown;
}

/** How to reach an agent as its own tools do. */
export interface ConsulAccess {
  /** `http://127.0.0.1:8500`, without a path. */
  readonly url: string;
  readonly token?: string | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * Sends one request to Consul's HTTP API, on a connection of its own: a kept one could belong to an agent that was
 * restarted meanwhile.
 *
 * @param path with its query: `/v1/health/service/web?passing`
 * @throws Error when nothing answers within ten seconds
 */
export function consulApi(
  { url, token, ca, cert, key }: ConsulAccess,
  method: "GET" | "PUT" | "POST" | "DELETE",
  path: string,
  body?: unknown,
): Promise<ConsulAnswer> {
  const request = url.startsWith("https:") ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = request(url + path, {
      method,
      agent: false,
      signal: AbortSignal.timeout(deadlineMs),
      ...(token === undefined ? {} : { headers: { "x-consul-token": token } }),
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
    });
    sent.once("error", reject);
    sent.once("response", (response) => {
      const read = async (): Promise<ConsulAnswer> => {
        const { statusCode: status = 0, headers } = response;
        return { status, headers, body: parsed(await text(response)) };
      };
      resolve(read());
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
