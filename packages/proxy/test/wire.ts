import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type RequestListener,
  type RequestOptions,
  type Server,
} from "node:http";
import { request as httpsRequest } from "node:https";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { type CertificateAuthority, createAuthority, freePort } from "@rollcall/testbed";
import { onTestFinished } from "vitest";

import {
  type Attempt,
  createProxy,
  type Forward,
  type ListenAddress,
  type ListenTls,
  type Proxy,
  type ProxyOptions,
  type ServerCertificate,
  type UpstreamNode,
} from "../src/index.ts";

/** Who issues the certificates of these tests. */
export const authority: CertificateAuthority = createAuthority();

/** A certificate for these names. */
export function certificateFor(...names: readonly string[]): ServerCertificate {
  const { certPem: cert, keyPem: key } = authority.issue(names[0] ?? "nameless", names);
  return { cert, key };
}

/** What a proxy of these tests listens with. */
export type Wire = "plain" | "tls";

/** Where a proxy listens, and how it is spoken to. */
export interface ProxyAddress extends ListenAddress {
  readonly wire: Wire;
}

const local: ListenTls = { certificates: [certificateFor("localhost", "127.0.0.1")] };

/** Opens a listener on a free port. */
export async function listenOn(proxy: Proxy, wire: Wire): Promise<ProxyAddress> {
  const tls = wire === "tls" ? local : undefined;
  return { ...(await proxy.listen({ host: "127.0.0.1", port: 0, tls })), wire };
}

/** A proxy on a free port, gone when the test is. */
export async function proxyWith(
  options: ProxyOptions,
  wire: Wire = "plain",
): Promise<ProxyAddress> {
  const proxy = createProxy(options);
  onTestFinished(() => proxy.close({ drainMs: 0 }));
  return listenOn(proxy, wire);
}

/** A connection to a proxy; what is written before it stands waits. */
export function dialProxy({ host, port, wire = "plain" }: ListenAddress & { wire?: Wire }): Socket {
  const socket =
    wire === "plain" ? connect({ host, port }) : connectTls({ host, port, ca: authority.caPem });
  return socket.setNoDelay(true);
}

/** A request to a proxy over a connection of its own. */
export function askProxy(
  { host, port, wire }: ProxyAddress,
  options: RequestOptions,
  onResponse?: (response: IncomingMessage) => void,
): ClientRequest {
  const all = { ...options, host, port, agent: false } as const;
  return wire === "plain"
    ? httpRequest(all, onResponse)
    : httpsRequest({ ...all, ca: authority.caPem }, onResponse);
}

/** One GET that asks for the connection to be closed. */
export const get = (target: string, more = ""): string =>
  `GET ${target} HTTP/1.1\r\nHost: shop.example\r\n${more}Connection: close\r\n\r\n`;

/** Answers with what it received. */
export function echoNode(): ReturnType<typeof httpNode> {
  return httpNode((request, response) => {
    response.end(JSON.stringify({ url: request.url, headers: request.headers }));
  });
}

/** A node for one test: an HTTP server on a free port. */
export async function httpNode(
  listener: RequestListener,
): Promise<UpstreamNode & { readonly server: Server } & AsyncDisposable> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    secure: false,
    server,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A node that speaks bytes: `serve` gets each connection. */
export async function rawNode(
  serve: (socket: Socket) => void,
): Promise<UpstreamNode & { readonly connections: Set<Socket> } & AsyncDisposable> {
  const connections = new Set<Socket>();
  const server = createTcpServer((socket) => {
    connections.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => connections.delete(socket));
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    secure: false,
    connections,
    async [Symbol.asyncDispose]() {
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A port where nobody listens, nor will before the tests are over: one that was closed may be given to others. */
export async function deadNode(): Promise<UpstreamNode> {
  return { host: "127.0.0.1", port: await freePort(), secure: false };
}

/** Forwards to the first node not tried yet, and remembers what was reported. */
export function forwardTo(
  nodes: readonly UpstreamNode[],
  outcomes: string[] = [],
  more: Partial<Forward> = {},
): Forward {
  return {
    kind: "forward",
    pick(tried): Attempt | undefined {
      const node = nodes.find((one) => !tried.includes(one));
      if (node === undefined) return undefined;
      return { node, done: (outcome) => outcomes.push(outcome) };
    },
    host: "pass",
    timeouts: { connectMs: 30_000, sendMs: 30_000, readMs: 30_000 },
    retries: 2,
    retryTimeoutMs: 0,
    ...more,
  };
}

/** Sends bytes and collects all that comes back until the other side closes, or `enough` is in it. */
export function talk(
  address: ListenAddress & { wire?: Wire },
  bytes: string,
  enough?: (received: string) => boolean,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = dialProxy(address);
    socket.write(bytes, "latin1");
    socket.setTimeout(60_000, () => {
      socket.destroy();
      reject(new Error(`no end in sight after: ${received}`));
    });
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      if (enough?.(received) === true) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.once("close", () => resolve(received));
  });
}

/** The whole body of a message. */
export async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Waits until `condition` holds; fails after a minute. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  const giveUpAtMs = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > giveUpAtMs) throw new Error(`waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
