import { consulRegistry } from "@rollcall/consul";
import { consulApi, startConsul } from "@rollcall/testbed";
import Consul from "consul";

import { ourSide, ourVersion, versionOfPackage } from "./our-side.ts";
import { type Backend, hostOf, type Side, type SideSettings } from "./side.ts";

/** What a transaction of Consul may hold. */
const perTransaction = 64;

/** `undefined`: what our adapter has; the package has none, and its user 15 s as in Consul's own examples. */
const ttlMs = ({ lease }: SideSettings): number | undefined =>
  lease === "shortest" ? 1_000 : undefined;

interface Entry {
  readonly Service: { readonly ID: string; readonly Meta: Readonly<Record<string, string>> };
}

/** Consul, and its npm client `consul`. */
export const consul: Backend = {
  name: "Consul",
  changes: 2_000,
  sides: {
    rollcall: {
      version: () => ourVersion,
      make: (url, settings) =>
        ourSide(
          consulRegistry({
            servers: url,
            maxReadsPerSecond: 10_000,
            registration: { ttlMs: ttlMs(settings) },
          }),
        ),
    },
    consul: {
      version: () => versionOfPackage("consul"),
      make: plain,
      notes: { registered: "it sends no heartbeats; a timer of ours does, at a third of the TTL" },
    },
  },
  async start(kind) {
    const server = await startConsul(
      // All consumers of a benchmark come from one address, where others have one each.
      { settings: { limits: { http_max_conns_per_client: kind === "default" ? 200 : 15_000 } } },
    );
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
            // Ids are of the whole agent; the adapter's own carry the service's name as well.
            ID: `${service}:n${index}`,
            Service: service,
            Address: hostOf(index),
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
      ports: [{ offset: 0, wire: "http1" }],
      async fill(service, from, count) {
        for (let at = from; at < from + count; at += perTransaction) {
          const length = Math.min(perTransaction, from + count - at);
          await write(
            service,
            Array.from({ length }, (_, step) => at + step),
            "0",
          );
        }
      },
      change: (service, index, version) => write(service, [index], version),
      [Symbol.asyncDispose]: () => server.stop(),
    };
  },
};

function plain(url: string, settings: SideSettings): Side {
  const { hostname, port } = new URL(url);
  const client = new Consul({ host: hostname, port: Number(port) });
  const lifeMs = ttlMs(settings) ?? 15_000;
  const watches: { end(): void }[] = [];
  const beats = new Map<string, NodeJS.Timeout>();
  return {
    async register(service, version) {
      const id = `${service}:n0`;
      await client.agent.service.register({
        id,
        name: service,
        address: hostOf(0),
        port: 8080,
        meta: { version },
        check: { name: "beat", ttl: `${lifeMs / 1_000}s`, timeout: "1s", status: "passing" },
      });
      if (beats.has(id)) return;
      const beat = (): void => void client.agent.check.pass(`service:${id}`).catch(() => undefined);
      beats.set(id, setInterval(beat, lifeMs / 3));
    },
    watch(service, onChange) {
      return new Promise((resolve) => {
        const watch = client.watch({
          // oxlint-disable-next-line typescript/unbound-method -- the package binds it itself
          method: client.health.service,
          options: { service, passing: true } as never,
        });
        watch.on("change", (entries: readonly Entry[]) => {
          const found = entries.map(({ Service: { ID, Meta } }): [string, string] => [
            ID.slice(ID.indexOf(":") + 1),
            Meta["version"] ?? "",
          ]);
          onChange(new Map(found));
          resolve();
        });
        watch.on("error", () => undefined);
        watches.push(watch);
      });
    },
    async [Symbol.asyncDispose]() {
      for (const beat of beats.values()) clearInterval(beat);
      for (const watch of watches) watch.end();
    },
  };
}
