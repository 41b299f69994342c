import { type FaultProxy, faultProxy } from "@rollcall/conformance";
import type { Registry } from "@rollcall/core";
import { describeOwnEtcd, type EtcdProcess, startEtcd, until } from "@rollcall/testbed";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { grpcCodec } from "../src/index.ts";
import { connected, quick } from "./connected.ts";
import { type RawEtcd, rawEtcd } from "./raw-etcd.ts";

// Where the npm client `etcd3` 1.1.2 does otherwise, the test says how: these are the reasons why the adapter does
// not stand on it.
describeOwnEtcd("a watch", () => {
  const { registry: connect, discovery, use } = connected();
  let server: EtcdProcess;
  let raw: RawEtcd;
  let proxy: FaultProxy;
  let registry: Registry;
  const value = (text = ""): string =>
    JSON.stringify({ host: "10.0.0.1", port: 1, metadata: { text } });

  beforeAll(async () => {
    server = await startEtcd();
    raw = rawEtcd(() => server.url);
  });
  beforeEach(async () => {
    await raw.removePrefix("/");
    proxy = use(await faultProxy({ host: "127.0.0.1", port: server.port }));
    registry = connect({ hosts: `127.0.0.1:${proxy.port}` });
  });
  afterAll(() => server?.stop());

  async function fill(service: string, count: number, text: string): Promise<void> {
    for (let at = 0; at < count; at += 100) {
      const success = Array.from({ length: 100 }, (_, index) => ({
        request_put: {
          key: Buffer.from(`/rollcall/${service}/${at + index}`).toString("base64"),
          value: Buffer.from(value(text)).toString("base64"),
        },
      }));
      await raw.call("/v3/kv/txn", { success });
    }
  }

  // etcd3 takes the revision at which it reconnected for the one it has seen, and loses what lies between.
  test("has the true set after a second cut right after it reconnected", async () => {
    const view = discovery(registry).service("orders");
    await view.ready();
    for (let round = 1; round <= 10; round += 1) {
      proxy.refuse();
      await until(() => view.snapshot.state === "stale", { what: "the outage to show" });
      await raw.put(`/rollcall/orders/${round}`, value());
      const { accepted } = proxy;
      proxy.restore();
      await until(() => proxy.accepted > accepted, { what: "a new connection" });
      proxy.cut();
      await until(() => view.snapshot.state === "fresh" && view.nodes.length === round, {
        what: "the true set",
      });
    }
  });

  // etcd3 delivers none of them, without an error: their replay is larger than it may receive.
  test("has 10 000 changes that were made while it was away", async () => {
    await fill("orders", 10_000, "before");
    const view = discovery(registry).service("orders");
    await view.ready();
    proxy.refuse();
    await until(() => view.snapshot.state === "stale", { what: "the outage to show" });
    await fill("orders", 10_000, "x".repeat(450));
    await raw.remove("/rollcall/orders/5");
    proxy.restore();
    await until(() => view.snapshot.state === "fresh", { what: "the watch to be back" });
    expect(view.nodes).toHaveLength(9_999);
    expect(view.nodes.every(({ metadata }) => metadata["text"]?.length === 450)).toBe(true);
  });

  // After a large answer etcd3 opens its circuit breaker, and small reads of others fail.
  test("and reads of others go on while a service is larger than one answer may be", async () => {
    await fill("large", 1_000, "x".repeat(450));
    await raw.put("/rollcall/small/1", value());
    const small = connect({ hosts: `127.0.0.1:${proxy.port}`, maxMessageBytes: 65_536 });
    const signal = AbortSignal.timeout(20_000);
    const reads = Array.from({ length: 50 }, (_, index) =>
      small.read({ service: index % 5 === 0 ? "large" : "small" }, signal),
    );
    const sizes = (await Promise.all(reads)).map(({ nodes }) => nodes.length);
    expect(new Set(sizes)).toEqual(new Set([1_000, 1]));
  });

  // etcd3 emits one error with an empty reason and is dead for good; unheard, when nobody listens.
  test("reads everything anew when the revision it needs is compacted", async () => {
    const view = discovery(registry).service("orders");
    await view.ready();
    const causes: string[] = [];
    const following = (async () => {
      for await (const { cause } of view) if (cause !== undefined) causes.push(cause.reason);
    })();
    // A pause between the read and the watch, in which the revision goes.
    for (let round = 1; round <= 20; round += 1) {
      proxy.cut();
      await raw.put(`/rollcall/orders/${round}`, value());
      await raw.compact();
      await until(() => view.nodes.length === round, { what: "the true set" });
    }
    view[Symbol.dispose]();
    await following;
    expect(causes.length).toBeGreaterThan(0);
  });

  // With etcd3 a handler that throws is an uncaught exception, and the revision stands still.
  test("outlives a codec that throws", async () => {
    const broken = connect({
      hosts: server.url,
      prefix: "/broken/",
      codec: {
        ...grpcCodec,
        locate: (key) => {
          if (key.endsWith("/worse")) throw new TypeError("secret");
          return grpcCodec.locate(key);
        },
        decode: (text, place) => {
          if (text === "bad") throw new TypeError("secret");
          return grpcCodec.decode(text, place);
        },
      },
    });
    const view = discovery(broken).service("orders");
    await view.ready();
    await raw.put("/broken/orders/1", "bad");
    await raw.put("/broken/orders/worse", "");
    await raw.put("/broken/orders/2", '{"Addr":"127.0.0.1:1"}');
    await until(() => view.nodes.length === 1, { what: "the good record" });
    expect(view.snapshot.rejected.map(({ error }) => error.message)).toEqual([
      "etcd: decode 1 of orders failed: the codec cannot read it",
      "etcd: decode a record of orders failed: the codec cannot read the key",
    ]);
  });

  // etcd3 opens watches one after the other: 1000 take it 0.8 s.
  test("shares one connection and one stream with a thousand others", async () => {
    const before = await streams();
    // Not the short limits of the others: a thousand first sets keep this process busy for a while.
    const one = discovery(connect({ hosts: `127.0.0.1:${proxy.port}`, timeouts: {} }));
    const views = Array.from({ length: 1_000 }, (_, index) => one.service(`service-${index}`));
    await Promise.all(views.map((view) => view.ready()));
    await Promise.all([3, 500, 999].map((at) => raw.put(`/rollcall/service-${at}/1`, value())));
    await until(() => [3, 500, 999].every((at) => views[at]?.nodes.length === 1), {
      what: "the changes",
    });
    expect(proxy.accepted).toBe(1);
    expect(await streams()).toBe(before + 1);
  });

  // etcd3 has no deadline and never notices.
  test("notices a server that stands still, and is fresh again when it goes on", async () => {
    const direct = connect({ hosts: server.url, timeouts: quick });
    await raw.put("/rollcall/orders/1", value());
    const view = discovery(direct).service("orders");
    await view.ready();
    await server.pause();
    try {
      await until(() => view.snapshot.state === "stale", { what: "a stale snapshot" });
      expect(view.nodes).toHaveLength(1);
      await expect(
        direct.read({ service: "orders" }, AbortSignal.timeout(20_000)),
      ).rejects.toMatchObject({ code: "TIMEOUT" });
    } finally {
      server.resume();
    }
    await until(() => view.snapshot.state === "fresh", { what: "a fresh snapshot" });
  });

  test("stays open on a quiet connection, and costs the server a question now and then", async () => {
    const timeouts = { ...quick, requestMs: 3_000, noticeMs: 3_000 };
    registry = connect({ hosts: `127.0.0.1:${proxy.port}`, timeouts });
    const view = discovery(registry).service("orders");
    await view.ready();
    const seen: string[] = [];
    const following = (async () => {
      for await (const { state } of view) seen.push(state);
    })();
    const { accepted } = proxy;
    // Longer than the bound for a dead connection, twice over.
    const overMs = performance.now() + 3 * timeouts.noticeMs;
    await until(() => performance.now() > overMs, { what: "a quiet time" });
    await raw.put("/rollcall/orders/1", value());
    await until(() => view.nodes.length === 1, { what: "the change" });
    view[Symbol.dispose]();
    await following;
    expect(new Set(seen)).toEqual(new Set(["fresh"]));
    expect(proxy.accepted).toBe(accepted);
  });

  // After the loss of its data etcd3's watcher says that it is connected, and sees nothing new.
  test("sees what is registered after the server lost its data", async () => {
    const direct = connect({ hosts: server.url });
    for (let round = 1; round <= 3; round += 1) {
      for (let count = 0; count < 5; count += 1) await raw.put("/rollcall/orders/old", value());
      const view = discovery(direct).service("orders");
      await view.ready();
      await server.restart("empty");
      await raw.put(`/rollcall/orders/${round}`, value());
      await until(() => view.nodes.some(({ id }) => id === String(round)), {
        what: "the new record",
      });
      expect(view.nodes).toHaveLength(1);
    }
  });

  async function streams(): Promise<number> {
    const response = await fetch(`${server.url}/metrics`);
    const line = /^grpc_server_started_total\{grpc_method="Watch".* (\d+)$/m;
    return Number(line.exec(await response.text())?.[1] ?? 0);
  }
});
