import { etcdRegistry } from "@rollcall/etcd";
import { startEtcd } from "@rollcall/testbed";
import { Etcd3 } from "etcd3";

import { ourSide, ourVersion, versionOfPackage } from "./our-side.ts";
import { type Backend, hostOf, type Side, type SideSettings } from "./side.ts";

/** Leases of one second need the short election that the testbed's server has. */
const leaseS = ({ lease }: SideSettings): number => (lease === "shortest" ? 1 : 30);

/** etcd, and its npm client `etcd3`. */
export const etcd: Backend = {
  name: "etcd",
  changes: 2_000,
  sides: {
    rollcall: {
      version: () => ourVersion,
      make: (url, settings) =>
        ourSide(etcdRegistry({ hosts: url, ttlMs: leaseS(settings) * 1_000 })),
    },
    etcd3: {
      version: () => versionOfPackage("etcd3"),
      make: plain,
      notes: { gone: "its manual's TTL is an argument; it has ours" },
    },
  },
  async start(kind) {
    const usual = { "heartbeat-interval": "100", "election-timeout": "1000" };
    const server = await startEtcd({ flags: kind === "default" ? usual : {} });
    const client = new Etcd3({ hosts: server.url });
    return {
      url: server.url,
      version: server.version,
      ports: [{ offset: 0, wire: "http2" }],
      async fill(service, from, count) {
        for (let at = from; at < from + count; at += 100) {
          const length = Math.min(100, from + count - at);
          await Promise.all(
            Array.from({ length }, (_, step) =>
              client.put(`/rollcall/${service}/n${at + step}`).value(record(at + step, "0")),
            ),
          );
        }
      },
      change: async (service, index, version) => {
        await client.put(`/rollcall/${service}/n${index}`).value(record(index, version));
      },
      async [Symbol.asyncDispose]() {
        client.close();
        await server.stop();
      },
    };
  },
};

function plain(url: string, settings: SideSettings): Side {
  // Clients of one process would share a connection otherwise.
  const client = new Etcd3({ hosts: url, grpcOptions: { "grpc.use_local_subchannel_pool": 1 } });
  const lease = client.lease(leaseS(settings));
  return {
    async register(service, version) {
      await lease.put(`/rollcall/${service}/n0`).value(record(0, version));
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
}

function record(index: number, version: string): string {
  return JSON.stringify({ v: 1, host: hostOf(index), port: 8080, metadata: { version } });
}

function versionOf(value: string): string {
  return (JSON.parse(value) as { metadata: { version: string } }).metadata.version;
}
