import { createRequire } from "node:module";

import { hostOf, type Side } from "./side.ts";

type End<T> = (error: Error | null, value: T) => void;

interface Event {
  readonly name: string;
}

/** What is used of `node-zookeeper-client`, which has no types. */
export interface Client {
  connect(): void;
  close(): void;
  once(event: "connected", listener: () => void): void;
  mkdirp(path: string, end: End<string>): void;
  create(path: string, data: Buffer, mode: number, end: End<string>): void;
  setData(path: string, data: Buffer, version: number, end: End<unknown>): void;
  getData(path: string, watcher: (event: Event) => void, end: End<Buffer>): void;
  getChildren(path: string, watcher: (event: Event) => void, end: End<string[]>): void;
  transaction(): {
    create(path: string, data: Buffer): unknown;
    commit(end: End<unknown>): void;
  };
}

const { createClient, CreateMode } = createRequire(import.meta.url)("node-zookeeper-client") as {
  readonly createClient: (servers: string, options: { sessionTimeout: number }) => Client;
  readonly CreateMode: { readonly EPHEMERAL: number };
};

/** Where the services are. */
export const root = "/services";

/** `node-zookeeper-client` as its README shows it: one-time watches, set again by each read. */
export function plainZookeeper(url: string, sessionMs: number): Side {
  const connected = connect(url, sessionMs);
  return {
    async register(service, version) {
      const client = await connected;
      const path = `${root}/${service}/n0`;
      const data = record(service, 0, version);
      try {
        await done<unknown>((end) => client.setData(path, data, -1, end));
      } catch (error) {
        if ((error as { name?: string }).name !== "NO_NODE") throw error;
        await done<string>((end) => client.mkdirp(`${root}/${service}`, end));
        await done<string>((end) => client.create(path, data, CreateMode.EPHEMERAL, end));
      }
    },
    async watch(service, onChange) {
      const client = await connected;
      const path = `${root}/${service}`;
      const versions = new Map<string, string>();
      const read = async (id: string): Promise<void> => {
        try {
          const data = await done<Buffer>((end) =>
            client.getData(`${path}/${id}`, (event: Event) => void changed(id, event), end),
          );
          versions.set(id, versionOf(data));
        } catch {
          versions.delete(id);
        }
      };
      const changed = async (id: string, event: Event): Promise<void> => {
        if (event.name !== "NODE_DATA_CHANGED") return;
        await read(id);
        onChange(versions);
      };
      const list = async (): Promise<void> => {
        const ids = await done<string[]>((end) =>
          client.getChildren(path, () => void list().catch(() => undefined), end),
        );
        const there = new Set(ids);
        for (const id of versions.keys()) if (!there.has(id)) versions.delete(id);
        await Promise.all(ids.filter((id) => !versions.has(id)).map(read));
        onChange(versions);
      };
      await done<string>((end) => client.mkdirp(path, end));
      await list();
    },
    async [Symbol.asyncDispose]() {
      (await connected).close();
    },
  };
}

/** Connects one. */
export async function connect(url: string, sessionMs: number): Promise<Client> {
  const client = createClient(new URL(url).host, { sessionTimeout: sessionMs });
  const connected = new Promise<void>((resolve) => client.once("connected", resolve));
  client.connect();
  await connected;
  return client;
}

/** Makes a promise of a call with a callback. */
export function done<T>(act: (end: End<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    act((error, value) => (error ? reject(error) : resolve(value)));
  });
}

/** A record as Spring Cloud Zookeeper and our adapter write it, without what is the same in all. */
export function record(service: string, index: number, version: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      name: service,
      id: `n${index}`,
      address: hostOf(index),
      port: 8080,
      sslPort: null,
      payload: {
        "@class": "org.springframework.cloud.zookeeper.discovery.ZookeeperInstance",
        id: "application-1",
        name: service,
        metadata: { instance_status: "UP", version },
      },
      registrationTimeUTC: 1_700_000_000_000,
      serviceType: "DYNAMIC",
      uriSpec: null,
    }),
  );
}

function versionOf(data: Buffer): string {
  const text = data.toString();
  return (JSON.parse(text) as { payload: { metadata: { version: string } } }).payload.metadata
    .version;
}
