import { createRequire } from "node:module";

import { hostOf, idOf, type Side } from "./side.ts";

interface JsInstance {
  readonly ipAddr: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What is used of `eureka-js-client`; its own types lack a part of it. */
interface JsEureka {
  readonly config: { readonly instance: { metadata: Record<string, string> } };
  start(done: (error?: Error | null) => void): void;
  stop(done: (error?: Error | null) => void): void;
  register(done: (error?: Error | null) => void): void;
  getInstancesByAppId(app: string): readonly JsInstance[];
  on(event: "registryUpdated", listener: () => void): void;
}

const { Eureka } = createRequire(import.meta.url)("eureka-js-client") as {
  readonly Eureka: new (config: object) => JsEureka;
};

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** How `eureka-js-client` is set; what is left out is its default: 30 s each, a lease of 90 s. */
interface PlainEurekaSettings {
  readonly intervalMs?: number | undefined;
  readonly leaseS?: number | undefined;
  readonly beatMs?: number | undefined;
}

/** `eureka-js-client` as its README shows it: a client for what is looked up, and one for each registration. */
export function plainEureka(url: string, settings: PlainEurekaSettings): Side {
  const { intervalMs, leaseS = 90, beatMs } = settings;
  const serviceUrls = { default: [new URL("apps/", url).href] };
  const registered = new Map<string, JsEureka>();
  const looks: (() => void)[] = [];
  let reader: Promise<JsEureka> | undefined;
  return {
    async register(service, version) {
      const known = registered.get(service);
      if (known !== undefined) {
        known.config.instance.metadata = { version };
        await done((end) => known.register(end));
        return;
      }
      const client = new Eureka({
        logger: silent,
        instance: instanceOf(service, 0, version, leaseS),
        eureka: {
          serviceUrls,
          fetchRegistry: false,
          ...(beatMs === undefined ? {} : { heartbeatInterval: beatMs }),
        },
      });
      registered.set(service, client);
      await done((end) => client.start(end));
    },
    async watch(service, onChange) {
      reader ??= (async () => {
        const client = new Eureka({
          logger: silent,
          eureka: {
            serviceUrls,
            registerWithEureka: false,
            ...(intervalMs === undefined ? {} : { registryFetchInterval: intervalMs }),
          },
        });
        client.on("registryUpdated", () => {
          for (const look of looks) look();
        });
        await done((end) => client.start(end));
        return client;
      })();
      const client = await reader;
      const look = (): void => {
        const found = client.getInstancesByAppId(service.toUpperCase());
        onChange({
          size: found.length,
          get: (id) => found.find(({ ipAddr }) => idOf(ipAddr) === id)?.metadata["version"],
        });
      };
      looks.push(look);
      look();
    },
    async [Symbol.asyncDispose]() {
      const all = [...registered.values(), ...(reader === undefined ? [] : [await reader])];
      await Promise.allSettled(all.map((client) => done((end) => client.stop(end))));
    },
  };
}

/** A record as Spring writes it. */
export function instanceOf(
  service: string,
  index: number,
  version: string,
  leaseS: number,
): Record<string, unknown> & { metadata: Record<string, string> } {
  return {
    instanceId: `n${index}`,
    hostName: hostOf(index),
    app: service.toUpperCase(),
    ipAddr: hostOf(index),
    port: { $: 8080, "@enabled": "true" },
    vipAddress: service,
    dataCenterInfo: {
      "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
      name: "MyOwn",
    },
    leaseInfo: {
      renewalIntervalInSecs: Math.max(1, Math.floor(leaseS / 3)),
      durationInSecs: leaseS,
    },
    metadata: { version },
  };
}

function done(act: (end: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    act((error) => (error ? reject(error) : resolve()));
  });
}
