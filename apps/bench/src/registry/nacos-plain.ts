import { createRequire } from "node:module";

import { hostOf, idOf, type Side, type SideSettings } from "./side.ts";

interface NpmInstance {
  readonly ip: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What is used of the package's naming client; its own types lack a part of it. */
interface NpmClient {
  ready(): Promise<void>;
  registerInstance(service: string, instance: object): Promise<void>;
  subscribe(service: string, listener: (hosts: readonly NpmInstance[]) => void): void;
  close(): Promise<void>;
}

const { NacosNamingClient } = createRequire(import.meta.url)("nacos") as {
  readonly NacosNamingClient: new (config: object) => NpmClient;
};

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** What a record asks of the server about its beats. */
const shortest = {
  "preserved.heart.beat.interval": "1000",
  "preserved.heart.beat.timeout": "3000",
  "preserved.ip.delete.timeout": "3000",
};

/** The `nacos` package as its README shows it. */
export async function plainNacos(url: string, lease: SideSettings["lease"]): Promise<Side> {
  // It prints every query that fails, with its stack, and offers no other way to hear of it.
  console.error = () => undefined;
  const client = new NacosNamingClient({
    logger: silent,
    serverList: new URL(url).host,
    namespace: "public",
  });
  await client.ready();
  return {
    register: (service, version) =>
      client.registerInstance(service, {
        ip: hostOf(0),
        port: 8080,
        metadata: { version, ...(lease === "shortest" ? shortest : {}) },
      }),
    watch: (service, onChange) =>
      new Promise((resolve) => {
        client.subscribe(service, (hosts) => {
          onChange(new Map(hosts.map(({ ip, metadata }) => [idOf(ip), metadata["version"] ?? ""])));
          resolve();
        });
      }),
    [Symbol.asyncDispose]: () => client.close(),
  };
}
