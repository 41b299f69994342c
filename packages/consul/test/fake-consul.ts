import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, type ListenOptions } from "node:net";

/** A request as the fake server got it. */
export interface FakeRequest {
  readonly method: string;
  /** Without the query: `/v1/health/service/web`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
}

/** How the fake server answers. */
export interface FakeAnswer {
  /** Default 200. */
  readonly status?: number | undefined;
  readonly index?: number | string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** JSON, or a text that is sent as it is. Default `[]`. */
  readonly body?: unknown;
}

/** An HTTP server that answers what a test tells it: for what a real Consul cannot be made to do. */
export interface FakeConsul extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly FakeRequest[];
  /** Requests for one service's health, in order. */
  readonly reads: readonly FakeRequest[];
}

/**
 * @param answer  Called for each request; `"cut"` resets the connection, a promise that never resolves is
 *   silence. Access control is off unless it answers `/v1/acl/token/self` itself.
 */
export async function fakeConsul(
  answer: (
    request: FakeRequest,
    response: ServerResponse,
  ) => FakeAnswer | "cut" | undefined | Promise<FakeAnswer | "cut" | undefined>,
  listen: ListenOptions = { port: 0, host: "127.0.0.1" },
): Promise<FakeConsul> {
  const requests: FakeRequest[] = [];
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(incoming.url ?? "/", "http://fake");
    const request: FakeRequest = {
      method: incoming.method ?? "",
      path: decodeURIComponent(url.pathname),
      query: url.searchParams,
      headers: incoming.headers,
    };
    requests.push(request);
    const given =
      (await answer(request, response)) ??
      (request.path === "/v1/acl/token/self"
        ? { status: 401, body: "ACL support disabled" }
        : { status: 404, body: "<html>nothing here</html>" });
    if (given === "cut") {
      incoming.socket.resetAndDestroy();
      return;
    }
    if (response.headersSent) return;
    const { status = 200, index, headers = {}, body = [] } = given;
    response.writeHead(status, {
      ...(index === undefined ? {} : { "x-consul-index": String(index) }),
      ...headers,
    });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };
  const server = createServer((incoming, response) => void handle(incoming, response));
  await new Promise<void>((resolve) => server.listen(listen, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    get reads() {
      return requests.filter(({ path }) => path.startsWith("/v1/health/service/"));
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One element of a health answer. */
export function entry(
  id: string,
  fields: { readonly service?: object; readonly node?: object; readonly checks?: unknown } = {},
): object {
  return {
    Node: { ID: "", Node: "n1", Address: "10.0.0.1", Datacenter: "dc1", ...fields.node },
    Service: {
      ID: id,
      Service: "web",
      Tags: [],
      Address: "10.0.0.9",
      Meta: null,
      Port: 8080,
      Weights: { Passing: 1, Warning: 1 },
      ...fields.service,
    },
    Checks: fields.checks ?? [{ CheckID: "serfHealth", Status: "passing" }],
  };
}
