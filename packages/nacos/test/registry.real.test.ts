import assert from "node:assert/strict";

import { faultProxy } from "@rollcall/conformance";
import {
  createDiscovery,
  type Registry,
  type ServiceQuery,
  type ServiceView,
} from "@rollcall/core";
import {
  createAuthority,
  describeOwnNacos,
  type NacosProcess,
  type NacosVersion,
  namespace,
  startNacos,
  until,
} from "@rollcall/testbed";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { nacosRegistry, type NacosOptions } from "../src/index.ts";
import { type RawNacos, rawNacos } from "./raw-nacos.ts";

const named = namespace("nacos");
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

/** Runs `body` with a view of one service, without protection. */
async function viewing(
  registry: Registry,
  query: string | ServiceQuery,
  body: (view: ServiceView) => Promise<void>,
): Promise<void> {
  await using discovery = createDiscovery(registry, {
    protection: "off",
    backoff: { baseMs: 20, capMs: 200 },
  });
  using view = discovery.service(query);
  await view.ready();
  await body(view);
}

/** Waits until exactly these ports are there, whatever their status. */
async function shows(view: ServiceView, ports: readonly number[]): Promise<void> {
  await until(
    () => {
      assert.deepEqual(
        view.snapshot.all.map(({ port }) => port).sort((a, b) => a - b),
        ports,
      );
      return true;
    },
    { what: `the ports [${ports.join(", ")}]` },
  );
}

describe.each<{ version: NacosVersion }>([{ version: "3.1" }, { version: "2.5" }])(
  "Nacos $version",
  ({ version }) => {
    describeOwnNacos("a real server", () => {
      let server: NacosProcess;
      let raw: RawNacos;
      beforeAll(async () => {
        server = await startNacos({ version });
        raw = rawNacos(server.url, version);
      });
      afterAll(() => server?.stop());
      const connect = (options: Partial<NacosOptions> = {}): Registry =>
        nacosRegistry({ servers: server.url, protocol: "grpc", ...options });

      test("several nodes of one service come and go one by one", async () => {
        const service = named("batch");
        await using registry = connect();
        await viewing(registry, service, async (view) => {
          const [first, second, third] = await Promise.all(
            [1, 2, 3].map((port) => registry.register({ service, host: "10.0.0.1", port })),
          );
          await shows(view, [1, 2, 3]);
          await second?.update({ weight: 7 });
          await until(() => view.nodes.find(({ port }) => port === 2)?.weight === 7, {
            what: "the update of one",
          });
          await first?.deregister();
          await shows(view, [2, 3]);
          await third?.deregister();
          await shows(view, [2]);
          await second?.deregister();
          await shows(view, []);
        });
      });

      test("namespaces, groups and clusters are kept apart", async () => {
        const service = named("places");
        await using registry = connect();
        const scopes = [
          {},
          { namespace_id: "dev" },
          { group_name: "G1" },
          { namespace_id: "dev", group_name: "G1" },
        ];
        for (const [index, scope] of scopes.entries()) {
          const node = { service, host: "10.0.0.1", port: index + 1 };
          await registry.register(node, { scope });
        }
        for (const [index, scope] of scopes.entries()) {
          const { nodes } = await registry.read({ service, scope }, soon());
          assert.deepEqual(
            nodes.map(({ port }) => port),
            [index + 1],
          );
          assert.ok((await registry.services({ scope })).includes(service));
        }
        assert.ok(!(await registry.services({ scope: { group_name: "G2" } })).includes(service));

        for (const [port, clusters] of [
          [5, "A"],
          [6, "B"],
        ] as const) {
          await registry.register({ service, host: "10.0.0.1", port }, { scope: { clusters } });
        }
        await viewing(registry, service, (view) => shows(view, [1, 5, 6]));
        await viewing(registry, { service, scope: { clusters: "A" } }, (view) => shows(view, [5]));
        const scope = { clusters: "A, DEFAULT" };
        await viewing(registry, { service, scope }, (view) => shows(view, [1, 5]));
        await using ofB = connect({ clusters: ["B"], groupName: "DEFAULT_GROUP" });
        await viewing(ofB, service, (view) => shows(view, [6]));
        const [own] = await raw.list(service, { namespaceId: "dev", groupName: "G1" });
        assert.equal(own?.port, 4);
      });

      test.each(["grpc", "http"] as const)(
        "over %s: unhealthy is down, weight 0 takes no traffic, disabled is not there",
        async (protocol) => {
          const service = named(`flags-${protocol}`);
          await using registry = connect({ protocol, intervalMs: 50 });
          await viewing(registry, service, async (view) => {
            const node = { service, host: "127.0.0.1", weight: 1 };
            await raw.register({ ...node, port: 11 });
            await raw.register({ ...node, port: 12, weight: 0 });
            await raw.register({ ...node, port: 13 }, { healthy: false });
            await raw.register({ ...node, port: 14 }, { enabled: false });
            await raw.register({ ...node, port: 15, weight: 0.25 });
            await shows(view, [11, 12, 13, 15]);
            assert.deepEqual(
              view.nodes.map(({ port }) => port),
              [11, 15],
            );
            const status = new Map(view.snapshot.all.map((one) => [one.port, one.status]));
            assert.equal(status.get(12), "up");
            assert.equal(status.get(13), "down");
            assert.equal(view.nodes[1]?.weight, 0.25);
            await raw.edit(service, { ip: "127.0.0.1", port: 11 }, { enabled: false });
            await shows(view, [12, 13, 15]);
          });
        },
      );

      test("an operator who disables our record is not fought, and may change his mind", async () => {
        const service = named("disabled");
        await using registry = connect({ registration: { checkEveryMs: 50 } });
        await viewing(registry, service, async (view) => {
          const node = { service, host: "10.0.0.1", port: 80 };
          const registration = await registry.register(node, { ttlMs: 1_000 });
          await shows(view, [80]);
          const place = { ip: "10.0.0.1", port: 80 };
          await raw.edit(service, place, { enabled: false });
          await shows(view, []);
          const { generation } = registration.state;
          await until(() => registration.state.generation > generation, { what: "one more entry" });
          assert.equal(registration.state.phase, "registered");
          assert.deepEqual(view.snapshot.all, []);
          await raw.edit(service, place, { enabled: true, weight: 5 });
          await shows(view, [80]);
          assert.equal(view.nodes[0]?.weight, 5);
        });
      });

      test("persistent instances outlive us, and the server looks after them", async () => {
        const service = named("persistent");
        const proxy = await faultProxy({ host: "127.0.0.1", port: server.grpcPort });
        const options = {
          registration: { ephemeral: false },
          grpcPortOffset: proxy.port - server.port,
        };
        await using registry = connect(options);
        await viewing(connect(), service, async (view) => {
          const registration = await registry.register({
            service,
            host: "127.0.0.1",
            port: server.port,
          });
          await shows(view, [server.port]);
          assert.equal((await raw.list(service))[0]?.ephemeral, false);
          proxy.refuse();
          await shows(view, [server.port]);
          proxy.restore();
          await registration.update({ metadata: { version: "2" } });
          await until(() => view.nodes[0]?.metadata["version"] === "2", { what: "the update" });
          // Nobody listens there, and the server finds out.
          const dead = await registry.register({ service, host: "127.0.0.1", port: 1 });
          await until(() => view.snapshot.all.find(({ port }) => port === 1)?.status === "down", {
            what: "the server's health check",
          });
          await expect(
            connect().register({ service, host: "10.0.0.1", port: 80 }),
          ).rejects.toMatchObject({ code: "INVALID" });
          await Promise.all([registration.deregister(), dead.deregister()]);
          await shows(view, []);
        });
        await proxy.close();
      });

      test("below a protection threshold the server shows all as healthy, and we believe it", async () => {
        const service = named("threshold");
        await using registry = connect();
        const node = { service, host: "127.0.0.1" };
        await raw.register({ ...node, port: 21 });
        await raw.register({ ...node, port: 22 }, { healthy: false });
        await raw.register({ ...node, port: 23 }, { healthy: false });
        await viewing(registry, service, async (view) => {
          await shows(view, [21, 22, 23]);
          assert.equal(view.nodes.length, 1);
          const serviceName = version === "3.1" ? service : `DEFAULT_GROUP@@${service}`;
          const path = version === "3.1" ? "/nacos/v3/admin/ns/service" : "/nacos/v1/ns/service";
          await raw.call("PUT", path, { serviceName, protectThreshold: "0.5" });
          await raw.register({ ...node, port: 24 }, { healthy: false });
          await until(() => view.nodes.length === 4, { what: "all to be shown as healthy" });
          await raw.register({ ...node, port: 22 }, { healthy: true });
          await raw.register({ ...node, port: 23 }, { healthy: true });
          await until(() => view.nodes.length === 3, {
            what: "the unhealthy one to be shown as such",
          });
        });
      });

      test("a server that cannot be reached over gRPC is used over HTTP until it can", async () => {
        const service = named("fallback");
        const proxy = await faultProxy({ host: "127.0.0.1", port: server.grpcPort });
        proxy.refuse();
        await using registry = connect({
          protocol: "auto",
          grpcPortOffset: proxy.port - server.port,
          grpcRetryMs: 300,
          intervalMs: 50,
        });
        await viewing(connect(), service, async (watcher) => {
          await viewing(registry, service, async (view) => {
            const node = { service, host: "127.0.0.1", port: 80 };
            const registration = await registry.register(node, { ttlMs: 3_000 });
            await shows(view, [80]);
            assert.equal(view.snapshot.state, "fresh");
            // Over HTTP the server takes beats for it.
            const beats = (await raw.list(service))[0]?.metadata["rollcall.ttl"];
            assert.equal(beats, "3000");
            const seen: number[] = [];
            const stop = new AbortController();
            const recording = (async () => {
              for await (const { all } of watcher) {
                if (stop.signal.aborted) return;
                seen.push(all.length);
              }
            })();
            await shows(watcher, [80]);
            seen.length = 0;
            proxy.restore();
            await until(() => registration.state.generation > 1, { what: "the move to gRPC" });
            await until(() => proxy.connections === 1, { what: "the connection" });
            await registration.update({ weight: 7 });
            await until(() => watcher.nodes[0]?.weight === 7, { what: "an update over gRPC" });
            await until(() => view.snapshot.state === "fresh" && view.nodes[0]?.weight === 7, {
              what: "the push",
            });
            assert.ok(
              seen.every((length) => length === 1),
              "it was never away",
            );
            assert.equal((await raw.list(service)).length, 1);
            proxy.refuse();
            await until(() => view.snapshot.state === "stale", { what: "the end of gRPC" });
            await until(() => view.snapshot.state === "fresh", { what: "HTTP again" });
            await registration.deregister();
            await shows(view, []);
            stop.abort();
            await raw.register({ service, host: "127.0.0.1", port: 81 });
            await recording;
          });
        });
        await proxy.close();
      });

      test("wrong credentials are AUTH, also where the server asks for none", async () => {
        await using registry = connect({ username: "nobody", password: "wrong" });
        const read = registry.read({ service: named("auth") }, soon());
        await expect(read).rejects.toMatchObject({ code: "AUTH" });
        await expect(read).rejects.not.toThrow(/wrong"/);
      });

      test("the next server is used when one is away", async () => {
        await using registry = nacosRegistry({
          servers: ["http://127.0.0.1:1", server.url, "http://127.0.0.1:2"],
          random: () => 0,
        });
        const service = named("several");
        await registry.register({ service, host: "10.0.0.1", port: 80 });
        assert.equal((await registry.read({ service }, soon())).nodes.length, 1);
      });
    });

    describeOwnNacos("a real server with TLS", () => {
      const authority = createAuthority();
      let server: NacosProcess;
      beforeAll(async () => {
        server = await startNacos({ version, tls: { authority } });
      });
      afterAll(() => server?.stop());

      test.each(["grpc", "http"] as const)(
        "is trusted by its authority over %s",
        async (protocol) => {
          const options: NacosOptions = { servers: server.url, protocol, intervalMs: 50 };
          await using registry = nacosRegistry({ ...options, tls: { ca: authority.caPem } });
          const service = named("tls");
          await viewing(registry, service, async (view) => {
            await registry.register({ service, host: "10.0.0.1", port: 80 });
            await shows(view, [80]);
          });
          await using stranger = nacosRegistry(options);
          await expect(stranger.read({ service }, soon())).rejects.toMatchObject({
            code: "UNAVAILABLE",
          });
          const other = { ca: createAuthority("another").caPem };
          await using misled = nacosRegistry({ ...options, tls: other });
          await expect(misled.read({ service }, soon())).rejects.toThrow(/CERT|SIGNATURE/);
          await using careless = nacosRegistry({ ...options, tls: { verify: false } });
          await careless.read({ service }, soon());
          const tls = { ca: authority.caPem, serverName: "another.example.com" };
          await using misnamed = nacosRegistry({ ...options, tls });
          await expect(misnamed.read({ service }, soon())).rejects.toMatchObject({
            code: "UNAVAILABLE",
          });
        },
      );
    });
  },
);
