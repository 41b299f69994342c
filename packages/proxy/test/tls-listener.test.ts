import assert from "node:assert/strict";
import { connect } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";

import { describe, onTestFinished, test } from "vitest";

import { createProxy, type ListenAddress, type ListenTls, type Proxy } from "../src/index.ts";
import {
  authority,
  certificateFor,
  echoNode,
  forwardTo,
  get,
  rawNode,
  talk,
  until,
} from "./wire.ts";

/** A proxy that replies to everything, and counts handshakes. */
async function replying(
  tls: ListenTls,
  more: { readonly maxConnections?: number } = {},
): Promise<{ proxy: Proxy; address: ListenAddress; handshakes: string[] }> {
  const handshakes: string[] = [];
  const proxy = createProxy({
    route: ({ secure }) => ({ kind: "reply", status: 200, headers: {}, body: `secure ${secure}` }),
    onHandshake: (result) => handshakes.push(result),
    ...more,
  });
  onTestFinished(() => proxy.close({ drainMs: 0 }));
  const address = await proxy.listen({ host: "127.0.0.1", port: 0, tls });
  return { proxy, address, handshakes };
}

/** A client that has shaken hands. */
async function shake(address: ListenAddress, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const ca = authority.caPem;
  // Which name the certificate is for is what the tests look at.
  const socket = connectTls({ ...address, ca, checkServerIdentity: () => undefined, ...more });
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed")));
  });
  socket.on("error", () => undefined);
  return socket;
}

/** The common name of what a client asking for `servername` is shown. */
async function shown(address: ListenAddress, servername?: string): Promise<string> {
  const socket = await shake(address, servername === undefined ? {} : { servername });
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

/** Asks on an open connection until the answer is there. */
async function ask(socket: TLSSocket, target = "/"): Promise<string> {
  let received = "";
  const onData = (bytes: Buffer): void => void (received += bytes.toString("latin1"));
  socket.on("data", onData);
  socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await until(() => /secure (true|false)$/.test(received), "the answer");
  socket.off("data", onData);
  return received;
}

const shop = certificateFor("shop.example", "*.shop.example");
const api = certificateFor("api.shop.example");
const other = certificateFor("other.example");

describe("which certificate", () => {
  test("by exact name, by wildcard for one label, else the first", async () => {
    const { address } = await replying({ certificates: [other, shop, api] });
    const seen = [];
    for (const name of [
      "shop.example",
      "SHOP.example",
      "img.shop.example",
      "api.shop.example",
      "a.img.shop.example",
      "shop.example.org",
      "unknown.example",
      undefined,
    ]) {
      seen.push(await shown(address, name));
    }
    assert.deepEqual(seen, [
      "shop.example",
      "shop.example",
      "shop.example",
      "api.shop.example",
      "other.example",
      "other.example",
      "other.example",
      "other.example",
    ]);
  });

  test("names that are given go before those in certificates", async () => {
    const named = { ...other, names: ["shop.example"] };
    const { address } = await replying({ certificates: [shop, named] });
    assert.equal(await shown(address, "shop.example"), "other.example");
    assert.equal(await shown(address, "other.example"), "shop.example");
    assert.equal(await shown(address, "img.shop.example"), "shop.example");
  });

  test("unknownNames: refuse ends the handshake, by an alert", async () => {
    const { address, handshakes } = await replying({
      certificates: [shop],
      unknownNames: "refuse",
    });
    await ask(await shake(address, { servername: "shop.example" }));
    for (const servername of ["unknown.example", ""]) {
      await assert.rejects(shake(address, { servername }), { code: /ALERT_HANDSHAKE_FAILURE/ });
    }
    await until(() => handshakes.length === 3, "the handshakes");
    assert.deepEqual(handshakes, ["completed", "failed", "failed"]);
  });

  test("what cannot be used is said before anything opens, without the key", async () => {
    const proxy = createProxy({ route: () => assert.fail() });
    const listen = (tls: ListenTls): Promise<ListenAddress> =>
      proxy.listen({ host: "127.0.0.1", port: 0, tls });
    const cases: [ListenTls, RegExp][] = [
      [{ certificates: [] }, /^tls\.certificates is empty/],
      [
        { certificates: [shop, { cert: shop.cert, key: other.key }] },
        /^tls\.certificates\[1\]: the key does not fit the certificate$/,
      ],
      [
        { certificates: [{ cert: "nonsense", key: shop.key }] },
        /^tls\.certificates\[0\] cannot be/,
      ],
      [
        {
          certificates: [
            { ...shop, names: ["a"] },
            { ...other, names: ["A."] },
          ],
        },
        /^tls\.certificates\[1\]\.names: "A\." is there twice/,
      ],
    ];
    for (const [tls, message] of cases) {
      await assert.rejects(listen(tls), (error: Error) => {
        assert.match(error.message, message);
        assert.doesNotMatch(error.stack ?? "", /PRIVATE|BEGIN/);
        return error instanceof TypeError;
      });
    }
  });
});

describe("handshakes", () => {
  test("1.2 and 1.3 are spoken, older ones are not", async () => {
    const { address } = await replying({ certificates: [shop] });
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const socket = await shake(address, { minVersion: version, maxVersion: version });
      assert.equal(socket.getProtocol(), version);
      assert.match(await ask(socket), /secure true$/);
    }
    const old = {
      minVersion: "TLSv1.1",
      maxVersion: "TLSv1.1",
      ciphers: "ALL@SECLEVEL=0",
    } as const;
    await assert.rejects(shake(address, old), { code: /PROTOCOL_VERSION/ });
  });

  test("ALPN: http/1.1, nothing, and nothing else", async () => {
    const { address } = await replying({ certificates: [shop] });
    const both = await shake(address, { ALPNProtocols: ["h2", "http/1.1"] });
    assert.equal(both.alpnProtocol, "http/1.1");
    assert.equal((await shake(address)).alpnProtocol, false);
    await assert.rejects(shake(address, { ALPNProtocols: ["h2"] }), {
      code: /NO_APPLICATION_PROTOCOL/,
    });
  });

  test("bad ones are counted, and cost the others nothing", async () => {
    const { address, handshakes } = await replying({ certificates: [shop] });
    const good = await shake(address);
    await ask(good);
    // What comes back, if anything, is an alert.
    await talk(address, get("/"));
    await talk(address, "\x16\x03\x01\x02\x00\x01nonsense".repeat(100));
    // Asks whether the port is open, as load balancers do: no handshake.
    const probe = connect(address.port, address.host, () => probe.end());
    await new Promise((resolve) => probe.once("close", resolve));
    await until(() => handshakes.length === 3, "the handshakes");
    assert.deepEqual(handshakes.toSorted(), ["completed", "failed", "failed"]);
    assert.match(await ask(good), /secure true$/);
  });

  test("handshakeTimeoutMs: whoever says nothing, or half of it, is gone", async () => {
    const tls = { certificates: [shop], handshakeTimeoutMs: 100 };
    const { address, handshakes } = await replying(tls);
    assert.equal(await talk(address, ""), "");
    assert.equal(await talk(address, "\x16\x03\x01\x02\x00\x01"), "");
    await until(() => handshakes.length === 2, "the handshakes");
    assert.deepEqual(handshakes, ["failed", "failed"]);
  });

  test("those under way count among maxConnections, and end with the proxy", async () => {
    const { proxy, address } = await replying({ certificates: [shop] }, { maxConnections: 2 });
    const silent = [connect(address.port, address.host), connect(address.port, address.host)];
    const closed = silent.map((one) => new Promise((resolve) => one.once("close", resolve)));
    for (const one of silent) one.on("error", () => undefined).resume();
    await Promise.all(silent.map((one) => new Promise((resolve) => one.once("connect", resolve))));
    await assert.rejects(shake(address));
    await proxy.close({ drainMs: 60_000 });
    await Promise.all(closed);
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)("%s sessions go on", async (version) => {
    const { address } = await replying({ certificates: [other, shop] });
    const how = { minVersion: version, maxVersion: version, servername: "shop.example" } as const;
    const first = await shake(address, how);
    let session: Buffer | undefined;
    if (version === "TLSv1.2") session = first.getSession();
    first.on("session", (ticket: Buffer) => (session = ticket));
    await ask(first);
    await until(() => session !== undefined, "a session");
    first.destroy();
    const second = await shake(address, { ...how, session });
    assert.equal(second.isSessionReused(), true);
    assert.match(await ask(second), /secure true$/);
  });
});

describe("new certificates", () => {
  test("are for connections to come; those that stand go on", async () => {
    const { proxy, address } = await replying({ certificates: [shop] });
    const before = await shake(address);
    await ask(before);
    proxy.setTls(address, { certificates: [other] });
    assert.equal(await shown(address), "other.example");
    assert.match(await ask(before), /secure true$/);
  });

  test("that cannot be used change nothing", async () => {
    const { proxy, address } = await replying({ certificates: [shop] });
    const wrong = { certificates: [other, { cert: other.cert, key: shop.key }] };
    assert.throws(() => proxy.setTls(address, wrong), /certificates\[1\]: the key does not fit/);
    assert.equal(await shown(address), "shop.example");
    assert.throws(() => proxy.setTls({ host: "::1", port: 1 }, undefined), /nothing listens/);
  });

  test("TLS can be turned off and on", async () => {
    const { proxy, address } = await replying({ certificates: [shop] });
    const before = await shake(address);
    proxy.setTls(address, undefined);
    assert.match(await talk(address, get("/")), /secure false$/);
    assert.match(await ask(before), /secure true$/);
    proxy.setTls(address, { certificates: [shop] });
    assert.equal(await shown(address), "shop.example");
  });

  test("handshakes under way go on with the old ones", async () => {
    const { proxy, address } = await replying({ certificates: [shop] });
    const raw = connect(address.port, address.host);
    await new Promise((resolve) => raw.once("connect", resolve));
    // Until the other side has accepted it.
    await shown(address);
    proxy.setTls(address, { certificates: [other] });
    const secure = connectTls({ socket: raw, ca: authority.caPem, servername: "shop.example" });
    onTestFinished(() => void secure.destroy());
    await new Promise((resolve, reject) => {
      secure.once("secureConnect", resolve).once("error", reject);
    });
    assert.equal(secure.getPeerCertificate().subject.CN, "shop.example");
  });
});

describe("HTTP over TLS", () => {
  test("nodes hear that it was TLS", async () => {
    await using node = await echoNode();
    const proxy = createProxy({ route: () => forwardTo([node]) });
    onTestFinished(() => proxy.close({ drainMs: 0 }));
    const tls = { certificates: [certificateFor("127.0.0.1")] };
    const address = await proxy.listen({ host: "127.0.0.1", port: 0, tls });
    const answer = await talk({ ...address, wire: "tls" }, get("/", "X-Forwarded-Proto: http\r\n"));
    const { headers } = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n"))) as {
      headers: Record<string, string>;
    };
    assert.equal(headers["x-forwarded-proto"], "https");
    assert.equal(headers["x-forwarded-port"], String(address.port));
    assert.equal(headers["x-forwarded-for"], "127.0.0.1");
  });

  test("a URL's scheme has to be the connection's", async () => {
    const { address } = await replying({ certificates: [certificateFor("127.0.0.1")] });
    const asked = (target: string): Promise<string> =>
      talk({ ...address, wire: "tls" }, get(target));
    assert.match(await asked("https://shop.example/"), /^HTTP\/1\.1 200 /);
    assert.match(await asked("http://shop.example/"), /^HTTP\/1\.1 400 /);
  });

  test("an answer that breaks off is reset, one that ends is ended by close_notify", async () => {
    await using node = await rawNode((socket) => {
      socket.once("data", (bytes) => {
        const breaks = bytes.toString().startsWith("GET /broken");
        socket.end(
          `HTTP/1.1 200 OK\r\n${breaks ? "Content-Length: 10\r\n" : ""}Connection: close\r\n\r\nhalf`,
        );
      });
    });
    const proxy = createProxy({ route: () => forwardTo([node]) });
    onTestFinished(() => proxy.close({ drainMs: 0 }));
    const tls = { certificates: [certificateFor("127.0.0.1")] };
    const address = await proxy.listen({ host: "127.0.0.1", port: 0, tls });
    for (const [target, ends] of [
      ["/whole", true],
      ["/broken", false],
    ] as const) {
      const socket = await shake(address);
      let ended = false;
      let error = "";
      socket.once("end", () => (ended = true));
      socket.once("error", ({ code }: NodeJS.ErrnoException) => (error = code ?? ""));
      socket.resume();
      socket.write(`GET ${target} HTTP/1.0\r\n\r\n`);
      await new Promise((resolve) => socket.once("close", resolve));
      assert.deepEqual({ ended, error }, { ended: ends, error: ends ? "" : "ECONNRESET" });
    }
  });
});
