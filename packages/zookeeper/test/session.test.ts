import assert from "node:assert/strict";

import type { DiscoveryError } from "@rollcall/core";
import { until } from "@rollcall/testbed";
import fc from "fast-check";
import { expect, test } from "vitest";

import { JuteWriter } from "../src/client/jute.ts";
import { Session, type SessionOptions } from "../src/client/session.ts";
import { type FakeScript, fakeServer, type FakeServer, grant, op } from "./fake-server.ts";
import { sessionOptions } from "./session-store.ts";

const signal = (): AbortSignal => AbortSignal.timeout(20_000);

async function opened(
  script: FakeScript,
  options: Partial<SessionOptions> = {},
): Promise<{ server: FakeServer; session: Session } & AsyncDisposable> {
  const server = await fakeServer(script);
  const session = new Session(sessionOptions(server.port, options));
  return {
    server,
    session,
    async [Symbol.asyncDispose]() {
      await session.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

test("a session is asked for when a link is, and ended when it is closed", async () => {
  const seen: number[] = [];
  await using server = await fakeServer({
    request: ({ xid, type }, connection) => {
      seen.push(type);
      connection.answer(xid);
      if (type === -11) connection.socket.end();
    },
  });
  const session = new Session(sessionOptions(server.port));
  assert.equal(session.state, "idle");
  assert.equal(server.greetings.length, 0);
  const [link, same] = await Promise.all([session.link(signal()), session.link(signal())]);
  assert.equal(link, same);
  assert.equal(session.state, "connected");
  assert.equal(link.sessionId, 7n);
  await session.close();
  assert.deepEqual(seen, [-11]);
  assert.equal(session.state, "closed");
  await expect(session.link(signal())).rejects.toMatchObject({ code: "CLOSED" });
});

test("a lost connection is replaced, with the same session", async () => {
  await using both = await opened({ request: (_, { socket }) => socket.destroy() });
  const lost = await both.session.link(signal());
  await expect(lost.read("/a", signal())).rejects.toMatchObject({ code: "UNAVAILABLE" });
  assert.equal(both.session.state, "suspended");
  assert.equal(both.session.isAlive, true);
  const again = await both.session.link(signal());
  assert.notEqual(again, lost);
  assert.deepEqual(
    both.server.greetings.map(({ sessionId }) => sessionId),
    [0n, 7n],
  );
});

test("an expired session is followed by a new one in the same round", async () => {
  await using both = await opened({
    greet: (connection) => {
      if (connection.greeting.sessionId === 0n) return grant(connection);
      const over = new JuteWriter().int(0).int(0).long(0n).bytes(Buffer.alloc(16)).bool(false);
      return connection.socket.end(over.frame());
    },
    request: (_, { socket }) => socket.destroy(),
  });
  const link = await both.session.link(signal());
  await link.read("/a", signal()).catch(() => undefined);
  await both.session.link(signal());
  assert.deepEqual(
    both.server.greetings.map(({ sessionId }) => sessionId),
    [0n, 7n, 0n],
  );
});

test("servers that hang up on what was seen are asked without it: they may have lost their data", async () => {
  let isWiped = false;
  const server = await fakeServer({
    greet: (connection) => {
      if (isWiped && connection.greeting.zxid > 0n) connection.socket.destroy();
      else grant(connection);
    },
    request: ({ xid, path }, connection) => {
      if (path === "/end") connection.socket.destroy();
      else connection.answer(xid, -101);
    },
  });
  // Beside one that is down.
  const session = new Session(sessionOptions(`127.0.0.1:1,127.0.0.1:${server.port}`));
  await using both = {
    server,
    session,
    async [Symbol.asyncDispose]() {
      await session.close();
      await server[Symbol.asyncDispose]();
    },
  };
  const link = await both.session.link(signal());
  assert.equal(await link.exists("/a", signal()), undefined);
  isWiped = true;
  await link.exists("/end", signal()).catch(() => undefined);
  await until(() => both.session.current, { what: "the next link" });
  assert.deepEqual(
    both.server.greetings.map(({ zxid }) => zxid),
    [0n, 42n, 0n],
  );
});

test("pings keep an idle session, and silence ends a connection within two thirds of it", async () => {
  let isSilent = false;
  await using both = await opened(
    {
      ping: (connection) => {
        if (!isSilent) connection.answer(-2);
      },
    },
    { timeoutMs: 3_000 },
  );
  const link = await both.session.link(signal());
  await until(() => both.server.pings >= 3, { what: "pings" });
  assert.equal(link.lost.aborted, false);
  isSilent = true;
  await until(() => link.lost.aborted, { what: "the end" });
  assert.equal((link.lost.reason as DiscoveryError).code, "TIMEOUT");
});

test("a request without an answer times out alone", async () => {
  await using both = await opened(
    {
      request: ({ xid, path }, connection) => {
        if (path === "/lost") return;
        connection.answer(xid, -101);
      },
    },
    { requestTimeoutMs: 100, timeoutMs: 30_000 },
  );
  const link = await both.session.link(signal());
  await expect(link.read("/lost", signal())).rejects.toMatchObject({ code: "TIMEOUT" });
  assert.equal(link.lost.aborted, false);
});

test("an abort ends a call at once, and a late answer harms nobody", async () => {
  const held: (() => void)[] = [];
  await using both = await opened({
    request: ({ xid, path }, connection) => {
      const answer = (): void => connection.answer(xid, -101);
      if (path === "/held") held.push(answer);
      else {
        for (const one of held.splice(0)) one();
        answer();
      }
    },
  });
  const link = await both.session.link(signal());
  const reason = new Error("changed our mind");
  const abort = new AbortController();
  const read = link.read("/held", abort.signal);
  await until(() => held.length === 1, { what: "the request" });
  abort.abort(reason);
  await expect(read).rejects.toBe(reason);
  assert.equal(await link.read("/other", signal()), undefined);
  await expect(link.read("/other", AbortSignal.abort(reason))).rejects.toBe(reason);
});

test("a server that accepts and says nothing is given up in time", async () => {
  await using both = await opened({ greet: () => undefined }, { connectTimeoutMs: 100 });
  await expect(both.session.link(signal())).rejects.toMatchObject({ code: "TIMEOUT" });
  assert.equal(both.session.state, "idle");
});

test("a password that never comes does not outlive the connection's deadline", async () => {
  const password = (): Promise<string> => new Promise(() => undefined);
  const logins = [{ scheme: "digest", username: "bob", password }] as const;
  await using both = await opened({}, { connectTimeoutMs: 100, logins });
  await expect(both.session.link(signal())).rejects.toMatchObject({ code: "TIMEOUT" });
});

test("a password function that fails is AUTH, and nothing of it is told", async () => {
  const password = (): string => {
    throw new Error("the vault says s3cret");
  };
  await using both = await opened({}, { logins: [{ scheme: "sasl", username: "bob", password }] });
  const error = await both.session.link(signal()).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "AUTH" });
  assert.ok(!(error as Error).message.includes("s3cret"));
});

test("many requests go out in order, some at a time", async () => {
  let open = 0;
  let most = 0;
  await using both = await opened({
    request: ({ xid }, connection) => {
      open += 1;
      most = Math.max(most, open);
      setImmediate(() => {
        open -= 1;
        connection.answer(xid, -101);
      });
    },
  });
  const link = await both.session.link(signal());
  const reads = Array.from({ length: 5_000 }, (_, n) => link.read(`/${n}`, signal()));
  assert.ok((await Promise.all(reads)).every((one) => one === undefined));
  assert.ok(most <= 512, `${most} at once`);
});

test("what is too large for a server is refused here, and the connection stays", async () => {
  await using both = await opened({});
  const link = await both.session.link(signal());
  await expect(link.write("/a", Buffer.alloc(2 ** 20), -1, signal())).rejects.toMatchObject({
    code: "INVALID",
  });
  await link.remove("/a", -1, signal());
});

const hostile: Readonly<Record<string, (xid: number) => Buffer>> = {
  "a frame longer than allowed": () => Buffer.from("7fffffff", "hex"),
  "a frame of negative length": () => Buffer.from("ffffffff", "hex"),
  "a frame too short for its header": () => Buffer.from("0000000400000001", "hex"),
  "an answer that nobody asked for": (xid) => header(xid + 1).frame(),
  "a list of two thousand million names": (xid) => header(xid).int(0x7fffffff).frame(),
  "a name longer than its frame": (xid) => header(xid).int(1).int(1_000).frame(),
  "an event without a path": () => header(-1).int(1).int(3).frame(),
};

function header(xid: number): JuteWriter {
  return new JuteWriter().int(xid).long(1n).int(0);
}

test("an answer that is too large is told by the option that says so", async () => {
  await using both = await opened({
    request: ({ xid }, { socket }) =>
      socket.write(
        header(xid)
          .bytes(Buffer.alloc(2 ** 24))
          .frame(),
      ),
  });
  const link = await both.session.link(signal());
  await expect(link.list("/a", signal())).rejects.toThrow(
    /the server's answer cannot be read: a frame of 16777236 bytes, more than maxFrameBytes \(16777216\)$/,
  );
});

for (const [what, frame] of Object.entries(hostile)) {
  test(`${what} is a fault of the protocol, not an answer`, async () => {
    await using both = await opened({ request: ({ xid }, { socket }) => socket.write(frame(xid)) });
    const link = await both.session.link(signal());
    await expect(link.list("/a", signal())).rejects.toMatchObject({
      code: "PROTOCOL",
      retryable: true,
    });
    assert.equal(link.lost.aborted, true);
  });
}

test.each([
  ["an unfinished greeting", Buffer.from("00000008" + "00".repeat(8), "hex")],
  ["a greeting of another protocol", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
  [
    "no session for a client that asks for a new one",
    Buffer.from(`00000025${"00".repeat(37)}`, "hex"),
  ],
])("%s is a fault of the protocol", async (_, bytes) => {
  await using both = await opened({ greet: ({ socket }) => socket.write(bytes) });
  await expect(both.session.link(signal())).rejects.toMatchObject({ code: "PROTOCOL" });
});

test("bytes may come in any pieces", async () => {
  await using both = await opened({
    greet: ({ socket, greeting }) => {
      socket.setNoDelay(true);
      const pieces: Buffer[] = [];
      grant({
        greeting,
        answer: () => undefined,
        socket: { write: pieces.push.bind(pieces) } as never,
      });
      for (const byte of Buffer.concat(pieces)) socket.write(Buffer.from([byte]));
    },
    request: ({ xid }, connection) => {
      connection.answer(xid, 0, (out) => out.int(2).text("a").text("b"));
      connection.answer(-1, 0, (out) => out.int(4).int(3).text("/x"));
    },
  });
  const link = await both.session.link(signal());
  const events: string[] = [];
  link.listen("/x", ({ type, path }) => events.push(`${type} ${path}`));
  assert.deepEqual(await link.list("/x", signal()), ["a", "b"]);
  await until(() => events.length === 1, { what: "the event" });
  assert.deepEqual(events, ["children /x"]);
});

test("no bytes, whatever they are, make anything but an error", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }),
    fc
      .uint8Array({ maxLength: 100 })
      .map((body) => Buffer.concat([Buffer.from([0, 0, 0, body.length]), body])),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (garbage) => {
      await using both = await opened({
        request: ({ type }, { socket }) => {
          if (type !== op.getChildren) return;
          socket.end(garbage);
        },
      });
      const link = await both.session.link(signal());
      await expect(link.list("/a", signal())).rejects.toMatchObject({ name: "DiscoveryError" });
    }),
    { numRuns: 50 },
  );
});
