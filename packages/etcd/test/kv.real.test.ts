import { type FaultProxy, faultProxy } from "@rollcall/conformance";
import { describeOwnEtcd, type EtcdProcess, startEtcd, until } from "@rollcall/testbed";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { etcdKv, type EtcdKv, type KvSnapshot } from "../src/kv.ts";
import { connected, quick } from "./connected.ts";
import { type RawEtcd, rawEtcd } from "./raw-etcd.ts";

describeOwnEtcd("keys and values", () => {
  const { use } = connected();
  let server: EtcdProcess;
  let raw: RawEtcd;
  let proxy: FaultProxy;
  let kv: EtcdKv;

  beforeAll(async () => {
    server = await startEtcd();
    raw = rawEtcd(() => server.url);
  });
  beforeEach(async () => {
    await raw.removePrefix("/");
    proxy = use(await faultProxy({ host: "127.0.0.1", port: server.port }));
    kv = use(etcdKv({ hosts: `127.0.0.1:${proxy.port}`, timeouts: quick }));
  });
  afterAll(() => server?.stop());

  /** Follows a prefix; the newest snapshot is in `last`. */
  function follow(prefix: string): {
    readonly last: () => KvSnapshot | undefined;
    readonly stop: () => Promise<unknown>;
  } {
    const stop = new AbortController();
    let last: KvSnapshot | undefined;
    const following = (async () => {
      for await (const snapshot of kv.watch(prefix, { signal: stop.signal })) last = snapshot;
    })();
    following.catch(() => undefined);
    return {
      last: () => last,
      stop: () => {
        stop.abort(new Error("enough"));
        return following.catch((thrown: unknown) => thrown);
      },
    };
  }

  const shown = (snapshot: KvSnapshot | undefined): string =>
    `${snapshot?.state} ${snapshot?.entries.map(({ key, value }) => `${key}=${value.toString()}`).join(" ")}`;

  test("of a prefix are read at one revision, in the order of their keys", async () => {
    for (const key of ["b", "a", "c/d"]) await raw.put(`/conf/${key}`, key.toUpperCase());
    await raw.put("/config", "not under it");
    await raw.put("/conf/bytes", Buffer.from([0, 255]));
    const { entries, revision } = await kv.range("/conf/");
    expect(entries.map(({ key, value }) => [key, value.toString("hex")])).toEqual([
      ["/conf/a", "41"],
      ["/conf/b", "42"],
      ["/conf/bytes", "00ff"],
      ["/conf/c/d", "432f44"],
    ]);
    expect(revision).toBeGreaterThanOrEqual(entries[2]?.modRevision ?? 0);
    expect((await kv.range("/nothing/")).entries).toEqual([]);
    expect((await kv.range("")).entries).toHaveLength(5);
  });

  test("are followed: the whole set, and the whole set again on each change", async () => {
    const { last, stop } = follow("/conf/");
    await until(() => shown(last()) === "fresh ", { what: "the empty set" });
    await raw.put("/conf/a", "1");
    await until(() => shown(last()) === "fresh /conf/a=1", { what: "a key" });
    const { revision = 0 } = last() ?? {};
    await raw.put("/conf/a", "2");
    await raw.put("/conf/b", "3");
    await until(() => shown(last()) === "fresh /conf/a=2 /conf/b=3", { what: "two keys" });
    expect(last()?.revision).toBeGreaterThan(revision);
    await raw.remove("/conf/a");
    await until(() => shown(last()) === "fresh /conf/b=3", { what: "one key" });
    expect(await stop()).toMatchObject({ message: "enough" });
  });

  test("stay as they were during an outage, and are true after it", async () => {
    await raw.put("/conf/a", "1");
    const { last, stop } = follow("/conf/");
    await until(() => shown(last()) === "fresh /conf/a=1", { what: "the key" });
    proxy.refuse();
    await until(() => last()?.state === "stale", { what: "the outage to show" });
    expect(shown(last())).toBe("stale /conf/a=1");
    expect(last()?.cause).toMatchObject({ code: "UNAVAILABLE" });
    await raw.put("/conf/b", "2");
    await raw.remove("/conf/a");
    await raw.compact();
    proxy.restore();
    await until(() => shown(last()) === "fresh /conf/b=2", { what: "the true set" });
    await stop();
  });

  test("that nobody can tell yet are pending, not none", async () => {
    proxy.refuse();
    const { last, stop } = follow("/conf/");
    await until(() => last()?.state === "pending", { what: "the first failure" });
    expect(last()).toMatchObject({ entries: [], revision: 0, cause: { code: "UNAVAILABLE" } });
    proxy.restore();
    await until(() => last()?.state === "fresh", { what: "the first set" });
    await stop();
  });

  test("are not for those without rights, who are told so", async () => {
    await using closed = await startEtcd({ rootPassword: "p" });
    const denied = use(etcdKv({ hosts: closed.url, username: "root", password: "wrong" }));
    await expect(denied.range("/conf/")).rejects.toMatchObject({ code: "AUTH" });
    for await (const { state, cause } of denied.watch("/conf/")) {
      expect({ state, code: cause?.code }).toEqual({ state: "pending", code: "AUTH" });
      break;
    }
    const allowed = use(etcdKv({ hosts: closed.url, username: "root", password: "p" }));
    expect((await allowed.range("/conf/")).entries).toEqual([]);
  });

  test("end with their owner", async () => {
    const { last, stop } = follow("/conf/");
    await until(() => last()?.state === "fresh", { what: "the first set" });
    await kv[Symbol.asyncDispose]();
    await until(() => proxy.connections === 0, { what: "the connection to close" });
    expect(await stop()).toMatchObject({ code: "CLOSED" });
    await expect(kv.range("/conf/")).rejects.toMatchObject({ code: "CLOSED" });
  });

  test("of a prefix that is no text are refused", async () => {
    await expect(kv.range(5 as unknown as string)).rejects.toMatchObject({ code: "INVALID" });
    await expect(kv.range("\ud800")).rejects.toMatchObject({ code: "INVALID" });
  });
});
