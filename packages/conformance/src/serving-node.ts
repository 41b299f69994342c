import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";

import type { NodeInput, ServiceNode } from "@rollcall/core";

import type { TestContext } from "./test-context.ts";

/** Requests that are under way at any moment. */
const concurrency = 4;

/** An HTTP server that can be registered as a node and answers everything with 200. */
export interface ServingNode {
  readonly served: number;
  input(id: string): NodeInput & { readonly id: string };
  /** Sends requests to nodes chosen at random, without a retry, until it is stopped. */
  load(nodes: () => readonly ServiceNode[]): Load;
  /** Stops listening; requests under way are answered. */
  close(): Promise<void>;
}

/** Requests that go on until they are stopped. */
export interface Load {
  /** One line for each request that got no 200. */
  readonly failures: readonly string[];
  /** Resolves when the requests that are under way now have ended. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one on a free port; it closes with the test. */
export async function startNode(context: TestContext): Promise<ServingNode> {
  let served = 0;
  const server = createServer((_, response) => {
    served += 1;
    response.end("ok");
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
    });
  context.atEnd(close);
  return {
    get served() {
      return served;
    },
    input: (id) => context.node(id, { port }),
    load: startLoad,
    close,
  };
}

function startLoad(nodes: () => readonly ServiceNode[]): Load {
  const failures: string[] = [];
  const stopping = new AbortController();
  const underWay = new Set<Promise<string>>();
  const send = async (node: ServiceNode): Promise<string> => {
    const sent = request(node);
    underWay.add(sent);
    const outcome = await sent;
    underWay.delete(sent);
    return outcome;
  };
  const client = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const routable = nodes();
      const node = routable[Math.floor(Math.random() * routable.length)];
      const outcome = node === undefined ? "no node" : await send(node);
      if (outcome !== "200") failures.push(`${node?.id}: ${outcome}`);
      // Lets the consumer hear of changes, also when there is no node to wait for.
      await new Promise((resolve) => {
        setTimeout(resolve, 1);
      });
    }
  };
  const clients = Promise.all(Array.from({ length: concurrency }, client));
  return {
    failures,
    async settled() {
      await Promise.all(underWay);
    },
    async stop() {
      stopping.abort();
      await clients;
    },
  };
}

function request({ host, port }: ServiceNode): Promise<string> {
  return new Promise((resolve) => {
    get({ host, port, agent: false, timeout: 10_000 }, (response) => {
      response.resume();
      response.once("end", () => resolve(String(response.statusCode)));
      response.once("error", (error) => resolve(error.message));
    })
      .once("timeout", () => resolve("timed out"))
      .once("error", (error) => resolve(error.message));
  });
}
