import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";

const deadlineMs = 10_000;

/** What a probe presents of itself. */
export interface ProbeOptions {
  readonly auth?: { readonly username: string; readonly password: string } | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * The status a GET is answered with, the body thrown away.
 *
 * @throws Error when nothing answers within ten seconds
 */
export function statusOf(url: string, options: ProbeOptions = {}): Promise<number | undefined> {
  const { auth, ca, cert, key } = options;
  const request = url.startsWith("https:") ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      agent: false,
      signal: AbortSignal.timeout(deadlineMs),
      headers: { accept: "application/json" },
      ...(auth && { auth: `${auth.username}:${auth.password}` }),
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
    });
    sent.once("error", reject);
    sent.once("response", (response) => {
      response.once("error", reject);
      response.resume().once("end", () => resolve(response.statusCode));
    });
    sent.end();
  });
}
