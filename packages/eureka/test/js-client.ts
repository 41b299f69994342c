import { createRequire } from "node:module";

/** A record as `eureka-js-client` shows it: the server's JSON. */
export interface JsInstance {
  readonly instanceId: string;
  readonly hostName: string;
  readonly ipAddr: string;
  readonly status: string;
  readonly port: { readonly $: number; readonly "@enabled": string };
  readonly metadata: Readonly<Record<string, string>>;
}

/** What the tests use of `eureka-js-client`; its own types lack a part of it. */
interface JsEureka {
  start(done: (error?: Error | null) => void): void;
  stop(done: (error?: Error | null) => void): void;
  getInstancesByAppId(app: string): readonly JsInstance[];
}

/** A running `eureka-js-client`. */
export interface JsClient extends AsyncDisposable {
  /** What it knows of a service; it shows only what is `UP`. */
  instances(app: string): readonly JsInstance[];
  /** Deregisters if it registered. */
  stop(): Promise<void>;
}

const { Eureka } = createRequire(import.meta.url)("eureka-js-client") as {
  readonly Eureka: new (config: object) => JsEureka;
};

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Starts the client as its README does, but looking and heartbeating every 200 ms.
 *
 * @param url  Service URL.
 * @param instance  The record to register; without one it only looks.
 */
export async function startJsClient(url: string, instance?: object): Promise<JsClient> {
  const client = new Eureka({
    logger: silent,
    instance,
    eureka: {
      serviceUrls: { default: [new URL("apps/", url).href] },
      registerWithEureka: instance !== undefined,
      registryFetchInterval: 200,
      heartbeatInterval: 200,
    },
  });
  await settled((done) => client.start(done));
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= settled((done) => client.stop(done)));
  return {
    instances: (app) => client.getInstancesByAppId(app),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function settled(act: (done: (error?: Error | null) => void) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  act((error) => (error ? reject(error) : resolve()));
  return promise;
}
