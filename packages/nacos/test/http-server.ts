import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A request as it came. */
export interface HttpHeard {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly form: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
}

/** An answer: a status and a body; undefined is 404. */
export type HttpAnswer = readonly [status: number, body: unknown] | undefined;

/**
 * An HTTP server that says what a real Nacos cannot be made to say.
 *
 * @param respond  Answers one request; a body that is no text is sent as JSON.
 */
export async function startHttpServer(
  respond: (request: HttpHeard) => HttpAnswer,
): Promise<{ readonly url: string; readonly heard: readonly HttpHeard[] } & AsyncDisposable> {
  const heard: HttpHeard[] = [];
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const url = new URL(request.url ?? "", "http://server");
      const one: HttpHeard = {
        method: request.method ?? "",
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        form: Object.fromEntries(new URLSearchParams(await text(request))),
        authorization: request.headers.authorization,
      };
      heard.push(one);
      const [status, body] = respond(one) ?? [404, "not here"];
      response.writeHead(status);
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    };
    void answer();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    heard,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
