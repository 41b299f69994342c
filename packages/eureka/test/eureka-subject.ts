import {
  type Bed,
  faultProxy,
  type FaultProxy,
  type Faults,
  type Raw,
  type Subject,
  type Timing,
} from "@rollcall/conformance";
import type { Registry } from "@rollcall/core";

import { eurekaRegistry, type EurekaOptions } from "../src/index.ts";
import { type RawEureka, rawEureka, type RawTls } from "./raw-eureka.ts";

/** A running server, real or embedded, that a subject is made for. */
export interface SubjectServer {
  /** Service URL, with user information where the server asks for some. */
  readonly url: string;
  /** Service URL of another server of the cluster; faults hit both. */
  readonly peerUrl?: string | undefined;
  /** Forgets everything; left out where others use the server too. */
  readonly wipe?: (() => void | Promise<void>) | undefined;
  readonly tls?: RawTls | undefined;
  /** Ends it together with its bed; left out where it serves others too. */
  readonly stop?: (() => Promise<void>) | undefined;
}

/** Options of {@link eurekaSubject}. */
export interface EurekaSubjectOptions {
  readonly name: string;
  readonly timing: Timing;
  readonly server: () => SubjectServer | Promise<SubjectServer>;
  readonly canWipe: boolean;
  /** Whether the server refuses wrong credentials. */
  readonly hasLogin: boolean;
  readonly rules?: Subject["rules"];
  readonly options?: Partial<EurekaOptions> | undefined;
}

/** One kind of Eureka server as the conformance suite sees it. */
export function eurekaSubject(given: EurekaSubjectOptions): Subject {
  const { name, timing, server, canWipe, hasLogin, rules } = given;
  const options = {
    intervalMs: 50,
    timeouts: { connectMs: 500, sendMs: 200, readMs: 800 },
    lease: { renewalIntervalMs: Math.floor(timing.ttlMs / 3), durationMs: timing.ttlMs },
    ...given.options,
  };
  return {
    name,
    traits: eurekaRegistry({ ...options, servers: "http://127.0.0.1/eureka/" }).traits,
    timing,
    rules,
    caseSensitive: false,
    // Servers refuse a path with an encoded slash.
    refusedEndings: ["/b"],
    lacks: {
      tokens: "Basic credentials do not expire",
      reset: "a poll has no place in a log that it could lose",
      ...(canWipe ? {} : { wipe: "the server is shared" }),
      ...(hasLogin ? {} : { credentials: "the server asks for none" }),
    },
    child: { module: new URL("./child.ts", import.meta.url).href, export: "registryFor" },
    open: async () => openBed(await server(), options, canWipe),
  };
}

async function openBed(
  server: SubjectServer,
  options: Partial<EurekaOptions>,
  canWipe: boolean,
): Promise<Bed> {
  const urls = [server.url, ...(server.peerUrl === undefined ? [] : [server.peerUrl])];
  const proxies = await Promise.all(urls.map((url) => proxyFor(new URL(url))));
  const faults = together(proxies);
  const throughProxies = urls.map((url, index) => {
    const through = new URL(url);
    through.port = String(proxies[index]?.port);
    return through;
  });
  const servers = throughProxies.map(({ href }) => href);
  const link = { ...options, servers };
  const raw = rawOf(rawEureka(server.url, server.tls));
  return {
    connect({ credentials } = {}): Registry {
      if (credentials !== "wrong") return eurekaRegistry(link);
      for (const url of throughProxies) url.password = "not-this-one";
      return eurekaRegistry({ ...link, servers: throughProxies.map(({ href }) => href) });
    },
    faults,
    raw: canWipe
      ? {
          ...raw,
          async wipe() {
            await server.wipe?.();
            faults.cut();
          },
        }
      : raw,
    activity: {
      get open() {
        return sum(proxies.map(({ connections }) => connections));
      },
      get started() {
        return sum(proxies.map(({ accepted }) => accepted));
      },
    },
    link,
    async [Symbol.asyncDispose]() {
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await server.stop?.();
    },
  };
}

function proxyFor({ hostname, port }: URL): Promise<FaultProxy> {
  return faultProxy({ host: hostname, port: Number(port) });
}

function together(all: readonly Faults[]): Faults {
  const each = (act: (one: Faults) => void) => (): void => all.forEach(act);
  return {
    refuse: each((one) => one.refuse()),
    stall: each((one) => one.stall()),
    cut: each((one) => one.cut()),
    halfOpen: each((one) => one.halfOpen()),
    restore: each((one) => one.restore()),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

function rawOf(eureka: RawEureka): Raw {
  const path = (service: string, id: string): string =>
    `apps/${encodeURIComponent(service)}/${encodeURIComponent(id)}`;
  return {
    put: (node) => eureka.register(node),
    putGarbage: (service) =>
      eureka.register(
        { service, id: "garbage", host: "127.0.0.1", port: 1 },
        { port: { $: 99_999, "@enabled": "true" } },
      ),
    corrupt: (service, id) =>
      eureka.register({ service, id, host: "192.0.2.1", port: 9, metadata: { scribble: "yes" } }),
    async remove(service, id) {
      await eureka.send("DELETE", path(service, id));
    },
    async stored(service, id) {
      const instance = await eureka.instance(service, id);
      return instance === undefined ? undefined : { serving: instance["status"] === "UP" };
    },
    async override(service, id) {
      await eureka.send("PUT", `${path(service, id)}/metadata?weight=7`);
      await eureka.send("PUT", `${path(service, id)}/status?value=OUT_OF_SERVICE`);
      return { weight: 7, status: "draining" };
    },
  };
}
