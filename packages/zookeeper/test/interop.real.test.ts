import assert from "node:assert/strict";

import {
  describeOwnZookeeper,
  describeZookeeper,
  namespace,
  startCuratorProvider,
  startSpringZookeeperProvider,
  startZookeeper,
  until,
} from "@rollcall/testbed";
import { expect, test } from "vitest";

import { ephemeral, type JsAcl, settled, withJsClient } from "./js-client.ts";
import { springRecord } from "./raw-records.ts";
import { shows, World } from "./world.ts";

interface CuratorInstance {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly port: number | null;
  readonly sslPort: number | null;
  readonly uri: string;
  readonly enabled: boolean;
  readonly payload: {
    readonly id: string;
    readonly name: string;
    readonly metadata: Readonly<Record<string, string>>;
  };
}

async function seenByCurator(url: string, service: string): Promise<CuratorInstance[]> {
  const response = await fetch(`${url}/instances/${service}`);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text) as CuratorInstance[];
}

describeZookeeper(
  "Curator with Spring Cloud Zookeeper's payload, in Java",
  ({ url: connectString }) => {
    const name = namespace("curator");
    const base = "/services";

    test("what it registers is a node, and is gone when it leaves", async () => {
      await using world = new World();
      const service = name("theirs");
      const registry = world.registry({ servers: connectString });
      const view = world.view(registry, service);
      await view.ready();
      const given = { connectString, base, service };
      await using up = await startCuratorProvider({ ...given, id: "up" });
      await shows(view, ["up"]);
      const [node] = view.nodes;
      assert.deepEqual(
        { ...node, metadata: { ...node?.metadata } },
        {
          service,
          id: "up",
          host: "127.0.0.1",
          port: up.port,
          secure: false,
          hostname: undefined,
          weight: 100,
          priority: 0,
          status: "up",
          zone: undefined,
          metadata: { instance_status: "UP", "written-by": "curator" },
        },
      );
      await using out = await startCuratorProvider({
        ...given,
        id: "out",
        status: "OUT_OF_SERVICE",
      });
      await until(() => view.snapshot.all.length === 2, { what: "the one out of service" });
      assert.equal(view.snapshot.all.find(({ id }) => id === "out")?.status, "draining");
      assert.equal(view.nodes.length, 1);
      await up.stop();
      await out.stop();
      await until(() => view.snapshot.all.length === 0, { what: "both to leave" });
    });

    test("what we register it reads, with its status", async () => {
      await using world = new World();
      const service = name("ours");
      await using reader = await startCuratorProvider({
        connectString,
        base,
        service: name("reader"),
        id: "reader",
      });
      const registry = world.registry({ servers: connectString });
      const registration = await registry.register({
        service,
        id: "plain",
        host: "10.0.0.1",
        port: 8080,
        zone: "a",
        metadata: { version: "2", "odd é": '"' },
      });
      await registry.register({
        service,
        id: "tls",
        host: "2001:db8::1",
        port: 8443,
        secure: true,
      });
      const read = async (id: string): Promise<CuratorInstance | undefined> =>
        (await seenByCurator(reader.url, service)).find((one) => one.id === id);
      const plain = await read("plain");
      assert.ok(plain !== undefined);
      const { payload, ...facts } = plain;
      const { metadata } = payload;
      assert.deepEqual(facts, {
        id: "plain",
        name: service,
        address: "10.0.0.1",
        port: 8080,
        sslPort: null,
        uri: "http://10.0.0.1:8080",
        enabled: true,
      });
      assert.equal(payload.name, service);
      assert.equal(metadata["instance_status"], "UP");
      assert.equal(metadata["version"], "2");
      assert.equal(metadata["odd é"], '"');
      assert.equal(metadata["zone"], "a");
      const secure = await read("tls");
      assert.equal(secure?.sslPort, 8443);
      assert.equal(secure?.port, null);
      assert.equal(secure?.uri, "https://[2001:db8::1]:8443");
      await registration.update({ status: "draining" });
      assert.equal((await read("plain"))?.payload.metadata["instance_status"], "OUT_OF_SERVICE");
      await registration.deregister();
      assert.equal(await read("plain"), undefined);
    });
  },
);

describeZookeeper("Curator with Dubbo's payload, in Java", ({ url: connectString }) => {
  test("reads what we register, and is read", async () => {
    await using world = new World();
    const name = namespace("dubbo");
    await using dubbo = await startCuratorProvider({
      connectString,
      base: "/services",
      service: name("theirs"),
      id: "10.0.0.1:20880",
      payload: "dubbo",
    });
    const registry = world.registry({ servers: connectString, codec: "dubbo" });
    const view = world.view(registry, name("theirs"));
    await shows(view, ["10.0.0.1:20880"]);
    assert.equal(view.nodes[0]?.metadata["written-by"], "curator");

    const service = name("ours");
    const node = { service, host: "10.0.0.2", port: 20_880, metadata: { protocol: "tri" } };
    const registration = await registry.register(node);
    const [ours] = await seenByCurator(dubbo.url, service);
    assert.deepEqual(
      [ours?.id, ours?.address, ours?.port, ours?.enabled, ours?.payload.id, ours?.payload.name],
      ["10.0.0.2:20880", "10.0.0.2", 20_880, true, "10.0.0.2:20880", service],
    );
    const { metadata } = ours?.payload ?? {};
    assert.equal(metadata?.["dubbo.endpoints"], '[{"port":20880,"protocol":"tri"}]');
    await registration.update({ status: "draining" });
    const drained = await seenByCurator(dubbo.url, service);
    assert.ok(drained.every(({ enabled }) => !enabled));
  });
});

interface SpringInstance {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly uri: string;
  readonly metadata: Readonly<Record<string, string>>;
}

describeZookeeper("a Spring Boot application", ({ url: connectString }) => {
  test("is a node, and its discovery client finds what we register", async () => {
    await using world = new World();
    const name = namespace("spring");
    const registry = world.registry({ servers: connectString });
    const view = world.view(registry, name("theirs"));
    await view.ready();
    await using spring = await startSpringZookeeperProvider({
      connectString,
      appName: name("theirs"),
      settings: { "spring.cloud.zookeeper.discovery.metadata.zone": "a" },
    });
    await until(() => view.nodes.length === 1, { what: "Spring's registration" });
    const [theirs] = view.nodes;
    assert.deepEqual(
      [theirs?.host, theirs?.port, theirs?.secure, theirs?.zone, theirs?.status],
      ["127.0.0.1", spring.port, false, "a", "up"],
    );

    const service = name("ours");
    const ours = await registry.register({
      service,
      id: "plain",
      host: "10.0.0.1",
      port: 8080,
      metadata: { version: "2" },
    });
    await registry.register({ service, id: "tls", host: "10.0.0.2", port: 8443, secure: true });
    const seen = async (): Promise<Map<string, SpringInstance>> => {
      const response = await fetch(`${spring.url}/instances/${service}`);
      const instances = (await response.json()) as SpringInstance[];
      return new Map(instances.map((one) => [one.host, one]));
    };
    const found = await until(
      async () => {
        const instances = await seen();
        return instances.size === 2 && instances;
      },
      { what: "both to be found" },
    );
    const plain = found.get("10.0.0.1");
    assert.deepEqual(
      [plain?.port, plain?.secure, plain?.uri, plain?.metadata["version"]],
      [8080, false, "http://10.0.0.1:8080", "2"],
    );
    const secure = found.get("10.0.0.2");
    assert.deepEqual(
      [secure?.port, secure?.secure, secure?.uri],
      [8443, true, "https://10.0.0.2:8443"],
    );
    await ours.deregister();
    await until(async () => !(await seen()).has("10.0.0.1"), { what: "ours to leave" });
    await spring.stop();
    await until(() => view.snapshot.all.length === 0, { what: "Spring's to leave" });
  });
});

describeZookeeper("node-zookeeper-client", ({ url: connectString }) => {
  const name = namespace("js");

  test("what it writes we see, as long as its session lives", async () => {
    await using world = new World();
    const service = name("theirs");
    const view = world.view(world.registry({ servers: connectString }), service);
    const record = springRecord({ service, id: "js", host: "10.0.0.1", port: 80 });
    const path = `/services/${service}`;
    await withJsClient(connectString, async (client) => {
      await settled((done) => client.mkdirp(path, done));
      await settled((done) => client.create(`${path}/js`, Buffer.from(record), ephemeral, done));
      await shows(view, ["js"]);
      const moved = springRecord({ service, id: "js", host: "10.0.0.2", port: 80 });
      await settled((done) => client.setData(`${path}/js`, Buffer.from(moved), done));
      await until(() => view.nodes[0]?.host === "10.0.0.2", { what: "the change" });
    });
    await shows(view, []);
  });

  test("its watchers hear of what we register, and of its end", async () => {
    await using world = new World();
    const service = name("ours");
    const path = `/services/${service}`;
    const registry = world.registry({ servers: connectString });
    const first = await registry.register({ service, id: "1", host: "10.0.0.1", port: 80 });
    await withJsClient(connectString, async (client) => {
      let known: string[] = [];
      const look = (): void => {
        client.getChildren(path, look, (error, names) => {
          if (error === null) known = names.sort();
        });
      };
      look();
      await until(() => known.join() === "1", { what: "the first" });
      await registry.register({ service, id: "2", host: "10.0.0.2", port: 80 });
      await until(() => known.join() === "1,2", { what: "the second" });
      await first.deregister();
      await until(() => known.join() === "2", { what: "the first to leave" });
      const data = await settled<Buffer>((done) => client.getData(`${path}/2`, done));
      assert.equal((JSON.parse(String(data)) as { address: string }).address, "10.0.0.2");
    });
  });
});

describeOwnZookeeper("digest identities", () => {
  const auth = { scheme: "digest", username: "bob", password: "p:w" } as const;
  const node = { service: "orders", id: "1", host: "10.0.0.1", port: 80 };

  test("what belongs to its creator is refused to others, and is never empty to them", async () => {
    await using server = await startZookeeper();
    await using world = new World();
    const servers = server.connectString;
    await world.registry({ servers, auth, acl: "creator" }).register(node);
    const own = world.registry({ servers, auth: [auth] });
    const signal = AbortSignal.timeout(20_000);
    assert.equal((await own.read(node, signal)).nodes.length, 1);
    for (const stranger of [
      world.registry({ servers }),
      world.registry({ servers, auth: { ...auth, password: "other" } }),
    ]) {
      const refused = { code: "AUTH" };
      await expect(stranger.read(node, signal)).rejects.toMatchObject(refused);
      await expect(stranger.register({ ...node, id: "2" })).rejects.toMatchObject(refused);
      const view = world.view(stranger, "orders");
      await expect(view.ready()).rejects.toMatchObject(refused);
      assert.equal(view.snapshot.state, "pending");
    }
    await withJsClient(servers, async (client) => {
      client.addAuthInfo("digest", Buffer.from("bob:p:w"));
      const data = await settled<Buffer>((done) => client.getData("/services/orders/1", done));
      assert.match(String(data), /10\.0\.0\.1/);
    });
  });

  test("ACLs are as asked for", async () => {
    await using server = await startZookeeper();
    await using world = new World();
    const servers = server.connectString;
    const acl = [
      { permissions: "rw", scheme: "ip", id: "127.0.0.1" },
      { permissions: "cdrwa", scheme: "world", id: "anyone" },
    ];
    await world.registry({ servers }).register(node);
    await world.registry({ servers, path: "/b", acl }).register(node);
    await world.registry({ servers, path: "/c", auth, acl: "creator-writes" }).register(node);
    const shown = (path: string): Promise<[number, string][]> =>
      withJsClient(servers, async (client) => {
        const entries = await settled<readonly JsAcl[]>((done) => client.getACL(path, done));
        return entries.map(({ permission, id }) => [permission, id.scheme]);
      });
    assert.deepEqual(await shown("/services/orders/1"), [[31, "world"]]);
    assert.deepEqual(await shown("/b/orders/1"), [
      [3, "ip"],
      [31, "world"],
    ]);
    for (const path of ["/c", "/c/orders", "/c/orders/1"]) {
      assert.deepEqual(await shown(path), [
        [31, "digest"],
        [1, "world"],
      ]);
    }
    assert.equal((await world.registry({ servers, path: "/c" }).services()).join(), "orders");
  });
});
