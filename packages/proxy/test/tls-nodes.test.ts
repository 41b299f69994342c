import assert from "node:assert/strict";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { createServer as createTls, type TlsOptions, type TLSSocket } from "node:tls";

import { createAuthority } from "@rollcall/testbed";
import { describe, onTestFinished, test } from "vitest";

import type { ListenAddress, NodeTls, UpstreamNode } from "../src/index.ts";
import { authority, certificateFor, forwardTo, get, proxyWith, talk, until } from "./wire.ts";

interface Seen {
  readonly target: string;
  readonly sni: string | false;
  /** Common name of the client's certificate. */
  readonly client: string | undefined;
  readonly resumed: boolean;
  readonly connection: number;
}

/** A node that speaks TLS, and remembers who asked. */
async function secureNode(
  tls: TlsOptions,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ node: UpstreamNode; seen: Seen[] }> {
  const seen: Seen[] = [];
  const connections = new Map<unknown, number>();
  const server = createHttps(tls, (request, response) => {
    const socket = request.socket as TLSSocket & { servername: string | false };
    const common = socket.getPeerCertificate().subject?.CN;
    seen.push({
      target: request.url ?? "",
      sni: socket.servername,
      client: typeof common === "string" ? common : undefined,
      resumed: socket.isSessionReused(),
      connection: connections.get(socket) ?? -1,
    });
    response.writeHead(200, { "content-length": 2, ...headers }).end("ok");
  });
  server.on("secureConnection", (socket) => connections.set(socket, connections.size));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { node: { host: "127.0.0.1", port, secure: true }, seen };
}

/** A node that speaks TLS and bytes. */
async function rawSecureNode(serve: (socket: TLSSocket) => void): Promise<UpstreamNode> {
  const server = createTls(certificateFor("127.0.0.1"), (socket) => {
    socket.on("error", () => undefined);
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port, secure: true };
}

const trusting: NodeTls = { ca: authority.caPem };

describe("who a node is", () => {
  const asked = async (node: UpstreamNode, tls: NodeTls | undefined): Promise<string> => {
    const outcomes: string[] = [];
    const address = await proxyWith({ route: () => forwardTo([node], outcomes, { tls }) });
    const answer = await talk(address, get("/"));
    return `${answer.slice(9, 12)} ${outcomes.join()}`;
  };

  test("a certificate for its address, from an authority that is trusted", async () => {
    const { node, seen } = await secureNode(certificateFor("127.0.0.1"));
    assert.equal(await asked(node, trusting), "200 ok");
    assert.equal(await asked(node, undefined), "502 tcp_failure");
    assert.equal(await asked(node, { ca: createAuthority().caPem }), "502 tcp_failure");
    assert.equal(await asked(node, { verify: false }), "200 ok");
    // An address is no name to ask for.
    assert.deepEqual(new Set(seen.map(({ sni }) => sni)), new Set([false]));
  });

  test("hostname goes before host, serverName before both", async () => {
    const { node, seen } = await secureNode(certificateFor("shop.example"));
    assert.equal(await asked(node, trusting), "502 tcp_failure");
    assert.equal(await asked({ ...node, hostname: "shop.example" }, trusting), "200 ok");
    assert.equal(await asked({ ...node, hostname: "other.example" }, trusting), "502 tcp_failure");
    const named = { ...trusting, serverName: "shop.example" };
    assert.equal(await asked({ ...node, hostname: "other.example" }, named), "200 ok");
    assert.deepEqual(
      seen.map(({ sni }) => sni),
      ["shop.example", "shop.example"],
    );
  });

  test("a hostname that is an address is looked for among the certificate's addresses", async () => {
    const { node } = await secureNode(certificateFor("10.9.9.9"));
    assert.equal(await asked({ ...node, hostname: "10.9.9.9" }, trusting), "200 ok");
    assert.equal(await asked({ ...node, hostname: "10.9.9.8" }, trusting), "502 tcp_failure");
  });

  test("the engine's own way is for forwards that say nothing", async () => {
    const { node } = await secureNode(certificateFor("127.0.0.1"));
    const address = await proxyWith({ nodeTls: trusting, route: () => forwardTo([node]) });
    assert.match(await talk(address, get("/")), /ok$/);
  });

  test("what cannot be used is the route's failure, and says nothing of the key", async () => {
    const { node } = await secureNode(certificateFor("127.0.0.1"));
    const tls = { cert: certificateFor("a").cert, key: certificateFor("b").key };
    const errors: string[] = [];
    const address = await proxyWith({
      route: ({ target }) => forwardTo([node], [], { tls: target === "/bad" ? tls : trusting }),
      onError: (error) => errors.push(String(error)),
    });
    const answer = await talk(address, get("/bad"));
    assert.match(answer, /^HTTP\/1\.1 500 /);
    assert.doesNotMatch(answer, /BEGIN|key/i);
    assert.match(errors.join(), /cannot be used/);
    assert.doesNotMatch(errors.join(), /BEGIN/);
    assert.match(await talk(address, get("/")), /ok$/);
  });
});

describe("whose connection", () => {
  test("a connection with one client certificate is never used for another", async () => {
    const server = certificateFor("127.0.0.1");
    const { node, seen } = await secureNode({
      ...server,
      ca: authority.caPem,
      requestCert: true,
      rejectUnauthorized: false,
    });
    const profiles: Record<string, NodeTls> = {
      "/a": { ...trusting, ...certificateFor("a") },
      "/b": { ...trusting, ...certificateFor("b") },
      "/none": trusting,
    };
    const address = await proxyWith({
      // A new object each time, as after a configuration was read anew.
      route: ({ target }) => forwardTo([node], [], { tls: { ...profiles[target] } }),
    });
    const targets = ["/a", "/b", "/none", "/b", "/a", "/none", "/a"];
    for (const target of [...targets, ...targets]) await talk(address, get(target));
    const names: Record<string, string | undefined> = { "/a": "a", "/b": "b" };
    for (const { target, client } of seen) assert.equal(client, names[target]);
    assert.equal(new Set(seen.map(({ connection }) => connection)).size, 3);
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "%s: a node that wants a certificate and gets none says so",
    async (maxVersion) => {
      const { node } = await secureNode({
        ...certificateFor("127.0.0.1"),
        ca: authority.caPem,
        requestCert: true,
        rejectUnauthorized: true,
        maxVersion,
      });
      const address = await proxyWith({ nodeTls: trusting, route: () => forwardTo([node]) });
      assert.match(await talk(address, get("/")), /^HTTP\/1\.1 502 [^]*_ALERT_\w+/);
    },
  );

  test("sessions go on over connections that follow each other, also after a while without one", async () => {
    const { node, seen } = await secureNode(certificateFor("127.0.0.1"), { connection: "close" });
    const address = await proxyWith({ nodeTls: trusting, route: () => forwardTo([node]) });
    for (const waitMs of [0, 0, 0, 300]) {
      // Longer than it takes to forget nodes that nobody asks any more.
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      await talk(address, get("/"));
    }
    assert.deepEqual(
      seen.map(({ resumed }) => resumed),
      [false, true, true, true],
    );
  });

  test("a session that a node does not know any more costs nothing", async () => {
    const { node, seen } = await secureNode({
      ...certificateFor("127.0.0.1"),
      // Tickets are good for a second.
      sessionTimeout: 1,
      maxVersion: "TLSv1.2",
    });
    const address = await proxyWith({
      nodeTls: trusting,
      nodeIdleTimeoutMs: 1,
      route: () => forwardTo([node]),
    });
    assert.match(await talk(address, get("/")), /ok$/);
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    assert.match(await talk(address, get("/")), /ok$/);
    assert.deepEqual(
      seen.map(({ resumed }) => resumed),
      [false, false],
    );
  });
});

/** What a client hears until the end, and whether that was a reset. */
async function heard(
  address: ListenAddress,
  bytes: string,
  waitMs = 0,
): Promise<{ length: number; start: string; reset: boolean }> {
  const chunks: Buffer[] = [];
  let reset = false;
  const socket = connect(address.port, address.host);
  onTestFinished(() => void socket.destroy());
  socket.on("error", ({ code }: NodeJS.ErrnoException) => (reset = code === "ECONNRESET"));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(bytes);
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  socket.on("data", (piece) => chunks.push(piece));
  await closed;
  const all = Buffer.concat(chunks);
  const end = all.indexOf("\r\n\r\n");
  return {
    length: end === -1 ? 0 : all.length - end - 4,
    start: all.toString("latin1", 0, 12),
    reset,
  };
}

describe("an answer that ends with its connection", () => {
  const head = "HTTP/1.1 200 OK\r\n\r\n";

  test.each([0, 1, 100, 70_000, 3_000_000])("of %i bytes, announced or cut", async (bytes) => {
    const node = await rawSecureNode((socket) => {
      socket.once("data", (request) => {
        const cut = request.toString().startsWith("GET /cut");
        const body = Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, "x")]);
        // Without end() there is no close_notify, only the end of the TCP connection.
        if (cut) socket.write(body, () => socket.destroy());
        else socket.end(body);
      });
    });
    const outcomes: string[] = [];
    const address = await proxyWith({
      nodeTls: trusting,
      route: () => forwardTo([node], outcomes),
    });
    for (const waitMs of [0, 200]) {
      const whole = await heard(address, get("/whole"), waitMs);
      assert.deepEqual(whole, { start: "HTTP/1.1 200", length: bytes, reset: false });
      const cut = await heard(address, get("/cut"), waitMs);
      assert.equal(cut.reset, true, JSON.stringify(cut));
    }
    await until(() => outcomes.length === 4, "the outcomes");
    assert.deepEqual(outcomes, ["ok", "tcp_failure", "ok", "tcp_failure"]);
  });

  test("is asked for again where connections are not watched; what may not be, breaks once", async () => {
    const seen: string[] = [];
    const node = await rawSecureNode((socket) => {
      socket.on("data", (request) => {
        const [method = "", target = ""] = request.toString().split(" ");
        seen.push(`${method} ${target}`);
        const framed = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if (target === "/framed") setTimeout(() => socket.write(framed), 100);
        else socket.end(`${head}rest`);
      });
    });
    const post =
      "POST /rest HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
    const known = async (): Promise<ListenAddress> => {
      const address = await proxyWith({ nodeTls: trusting, route: () => forwardTo([node]) });
      // Watched connections are the only one, or not kept.
      for (let times = 0; times < 2; times += 1) {
        const both = await Promise.all([
          talk(address, get("/framed")),
          talk(address, get("/framed")),
        ]);
        for (const one of both) assert.match(one, /ok$/);
      }
      seen.length = 0;
      return address;
    };
    const first = await known();
    const whole = { start: "HTTP/1.1 200", length: 4, reset: false };
    assert.deepEqual(await heard(first, get("/rest")), whole);
    assert.deepEqual(seen, ["GET /rest", "GET /rest"]);
    const second = await known();
    assert.match((await heard(second, post)).start, /502/);
    assert.deepEqual(seen, ["POST /rest"]);
    assert.deepEqual(await heard(second, post), whole);
    assert.deepEqual(seen, ["POST /rest", "POST /rest"]);
  });
});
