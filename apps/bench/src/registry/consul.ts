import { createDiscovery, type Registration } from "@rollcall/core";
import { consulRegistry } from "@rollcall/consul";
import { consulApi, startConsul } from "@rollcall/testbed";
import Consul from "consul";

import type { Backend, Side } from "./side.ts";

/** What a transaction of Consul may hold. */
const perTransaction = 64;

interface Entry {
  readonly Service: { readonly ID: string; readonly Meta: Readonly<Record<string, string>> };
}

/** Consul, and its npm client `consul`. */
export const consul: Backend = {
  name: "Consul",
  plain: "consul",
  async start() {
    const server = await startConsul();
    const write = async (
      service: string,
      indexes: readonly number[],
      version: string,
    ): Promise<void> => {
      const operations = indexes.map((index) => ({
        Service: {
          Verb: "set",
          Node: "bench",
          Service: {
            ID: `n${index}`,
            Service: service,
            Address: `10.0.${index >> 8}.${index & 255}`,
            Port: 8080,
            Meta: { version },
            Weights: { Passing: 1, Warning: 1 },
          },
        },
      }));
      const { status } = await consulApi(server.access, "PUT", "/v1/txn", operations);
      if (status !== 200) throw new Error(`PUT /v1/txn answers ${status}`);
    };
    await consulApi(server.access, "PUT", "/v1/catalog/register", {
      Node: "bench",
      Address: "127.0.0.1",
    });
    return {
      url: server.url,
      version: server.version,
      async fill(service, count) {
        for (let from = 0; from < count; from += perTransaction) {
          const length = Math.min(perTransaction, count - from);
          await write(
            service,
            Array.from({ length }, (_, at) => from + at),
            "0",
          );
        }
      },
      change: (service, index, version) => write(service, [index], version),
      [Symbol.asyncDispose]: () => server.stop(),
    };
  },
  ours(url): Side {
    const registry = consulRegistry({ servers: url, maxReadsPerSecond: 10_000 });
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
    const { hostname, port } = new URL(url);
    const client = new Consul({ host: hostname, port: Number(port) });
    const watches: { end(): void }[] = [];
    return {
      async register(service, version) {
        await client.agent.service.register({
          id: "n0",
          name: service,
          address: "10.0.0.1",
          port: 8080,
          meta: { version },
          check: { name: "beat", ttl: "30s", timeout: "1s", status: "passing" },
        });
      },
      watch(service, onChange) {
        return new Promise((resolve) => {
          const watch = client.watch({
            // oxlint-disable-next-line typescript/unbound-method -- the package binds it itself
            method: client.health.service,
            options: { service, passing: true } as never,
          });
          watch.on("change", (entries: readonly Entry[]) => {
            onChange(
              new Map(entries.map(({ Service }) => [Service.ID, Service.Meta["version"] ?? ""])),
            );
            resolve();
          });
          watch.on("error", () => undefined);
          watches.push(watch);
        });
      },
      async [Symbol.asyncDispose]() {
        for (const watch of watches) watch.end();
      },
    };
  },
};
