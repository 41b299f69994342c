import { createRequire } from "node:module";

/** An instance as the `nacos` package shows it. */
export interface NpmInstance {
  readonly ip: string;
  readonly port: number;
  readonly weight: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What the tests use of the package's naming client; its own types lack a part of it. */
export interface NpmClient {
  ready(): Promise<void>;
  registerInstance(service: string, instance: object, group?: string): Promise<void>;
  deregisterInstance(service: string, instance: object, group?: string): Promise<void>;
  getAllInstances(service: string): Promise<readonly NpmInstance[]>;
  subscribe(service: string, listener: (hosts: readonly NpmInstance[]) => void): void;
  close(): Promise<void>;
}

const { NacosNamingClient } = createRequire(import.meta.url)("nacos") as {
  readonly NacosNamingClient: new (config: object) => NpmClient;
};

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Starts the client as its README does. */
export async function startNpmClient(url: string): Promise<NpmClient> {
  const client = new NacosNamingClient({
    logger: silent,
    serverList: new URL(url).host,
    namespace: "public",
  });
  await client.ready();
  return client;
}
