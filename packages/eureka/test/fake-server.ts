import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

import { freePort } from "@rollcall/testbed";

/** An HTTP server that only pretends to be Eureka, for answers a real one cannot be made to give. */
export interface FakeServer extends AsyncDisposable {
  /** Service URL. */
  readonly url: string;
  /** `GET /apps`, in order. */
  readonly requests: string[];
  /** Headers of the newest request. */
  readonly headers: () => IncomingMessage["headers"];
  /** Answers from now on; the default is an empty registry. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  /** Stops listening and cuts what is open; `start` listens again, on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Starts one on a free port of loopback. */
export async function startFake(answer: FakeServer["answer"] = apps()): Promise<FakeServer> {
  let headers: IncomingMessage["headers"] = {};
  // One that nobody is given while it is stopped, not even as the near end of a connection.
  const port = await freePort();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    request.resume();
    headers = request.headers;
    requests.push(`${request.method} ${(request.url ?? "").replace("/eureka", "")}`);
    fake.answer(request, response);
  });
  const start = async (): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
    await promise;
    server.off("error", reject);
  };
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    server.closeAllConnections();
    await promise;
  };
  await start();
  const fake: FakeServer = {
    url: `http://127.0.0.1:${port}/eureka/`,
    requests,
    headers: () => headers,
    answer,
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
  return fake;
}

/** Answers with a status, a body and headers. */
export function plain(
  status: number,
  body: string | Buffer = "",
  headers: Readonly<Record<string, string>> = {},
): FakeServer["answer"] {
  return (_request, response) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}

/** A record as small as can be. */
export function record(id: string, fields: object = {}): object {
  return {
    instanceId: id,
    hostName: "h",
    ipAddr: "10.0.0.1",
    status: "UP",
    port: { $: 80, "@enabled": "true" },
    ...fields,
  };
}

/** Answers `/apps` with these records of the application `A`, and its kin accordingly. */
export function apps(...ids: readonly string[]): FakeServer["answer"] {
  return (request, response) => {
    const instance = ids.map((id) => record(id));
    const application = ids.length === 0 ? [] : [{ name: "A", instance }];
    const hash = ids.length === 0 ? "" : `UP_${ids.length}_`;
    const path = request.url ?? "";
    if (path.includes("/apps/A")) {
      response.writeHead(ids.length === 0 ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify({ application: application[0] }));
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    const delta = path.includes("/apps/delta");
    response.end(
      JSON.stringify({
        applications: {
          versions__delta: "1",
          apps__hashcode: hash,
          application: delta ? [] : application,
        },
      }),
    );
  };
}
