import { createDiscovery, type Registration } from "@rollcall/core";
import { etcdRegistry } from "@rollcall/etcd";
import { startEtcd } from "@rollcall/testbed";
import { Etcd3 } from "etcd3";

import type { Backend, Side } from "./side.ts";

const ttlS = 30;

function record(version: string): string {
  return JSON.stringify({ v: 1, host: "10.0.0.1", port: 8080, metadata: { version } });
}

function versionOf(value: string): string {
  return (JSON.parse(value) as { metadata: { version: string } }).metadata.version;
}

/** etcd, and its npm client `etcd3`. */
export const etcd: Backend = {
  name: "etcd",
  plain: "etcd3",
  async start() {
    const server = await startEtcd();
    const client = new Etcd3({ hosts: server.url });
    return {
      url: server.url,
      version: server.version,
      async fill(service, count) {
        for (let from = 0; from < count; from += 100) {
          const some = Array.from({ length: Math.min(100, count - from) }, (_, at) => from + at);
          await Promise.all(
            some.map((at) => client.put(`/rollcall/${service}/n${at}`).value(record("0"))),
          );
        }
      },
      change: async (service, index, version) => {
        await client.put(`/rollcall/${service}/n${index}`).value(record(version));
      },
      async [Symbol.asyncDispose]() {
        client.close();
        await server.stop();
      },
    };
  },
  ours(url): Side {
    const registry = etcdRegistry({ hosts: url, ttlMs: ttlS * 1_000 });
    const discovery = createDiscovery(registry);
    const registrations = new Map<string, Registration>();
    return {
      async register(service, version) {
        const known = registrations.get(service);
        if (known !== undefined) return known.update({ metadata: { version } });
        const node = { service, id: "n0", host: "10.0.0.1", port: 8080, metadata: { version } };
        registrations.set(service, await registry.register(node));
      },
      async watch(service, onChange) {
        const view = discovery.service(service);
        await view.ready();
        void (async () => {
          for await (const { all } of view) {
            onChange(new Map(all.map((node) => [node.id, node.metadata["version"] ?? ""])));
          }
        })();
      },
      async [Symbol.asyncDispose]() {
        await discovery[Symbol.asyncDispose]();
        await registry[Symbol.asyncDispose]();
      },
    };
  },
  theirs(url): Side {
    const client = new Etcd3({ hosts: url });
    const lease = client.lease(ttlS);
    return {
      async register(service, version) {
        await lease.put(`/rollcall/${service}/n0`).value(record(version));
      },
      async watch(service, onChange) {
        const prefix = `/rollcall/${service}/`;
        const versions = new Map<string, string>();
        const watcher = await client.watch().prefix(prefix).create();
        watcher.on("put", ({ key, value }) => {
          versions.set(key.toString().slice(prefix.length), versionOf(value.toString()));
          onChange(versions);
        });
        watcher.on("delete", ({ key }) => {
          versions.delete(key.toString().slice(prefix.length));
          onChange(versions);
        });
        for (const [key, value] of Object.entries(await client.getAll().prefix(prefix).strings())) {
          versions.set(key.slice(prefix.length), versionOf(value));
        }
        onChange(versions);
      },
      async [Symbol.asyncDispose]() {
        await lease.revoke();
        client.close();
      },
    };
  },
};
