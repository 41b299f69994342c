import {
  type Bed,
  faultProxy,
  type FaultProxy,
  type Subject,
  type Timing,
} from "@rollcall/conformance";
import type { Registry } from "@rollcall/core";

import { zookeeperRegistry, type ZookeeperOptions } from "../src/index.ts";
import { rawRecords, type RawStore } from "./raw-records.ts";

/** A running server or ensemble that a subject is made for. */
export interface SubjectServer {
  /** Ports of 127.0.0.1 that the adapter connects to. */
  readonly ports: readonly number[];
  readonly store: RawStore;
  /** Forgets everything; left out where it cannot be had. */
  readonly wipe?: (() => Promise<void>) | undefined;
  /** Breaks every connection while the records stay. */
  readonly reset: () => Promise<void>;
}

/** Options of {@link zookeeperSubject}. */
export interface ZookeeperSubjectOptions {
  readonly name: string;
  readonly timing: Timing;
  readonly server: () => SubjectServer;
  readonly canWipe: boolean;
  /** Options of a registry that the server refuses; left out where it refuses nobody. */
  readonly wrong?: Partial<ZookeeperOptions> | undefined;
  readonly rules?: Subject["rules"];
  readonly options?: Partial<ZookeeperOptions> | undefined;
}

/** One kind of ZooKeeper server as the conformance suite sees it. */
export function zookeeperSubject(given: ZookeeperSubjectOptions): Subject {
  const { name, timing, canWipe, wrong, rules } = given;
  const options = {
    sessionTimeoutMs: timing.ttlMs,
    timeouts: { connectMs: 1_000, requestMs: 1_500 },
    ...given.options,
  };
  return {
    name,
    traits: zookeeperRegistry({ ...options, servers: "127.0.0.1" }).traits,
    timing,
    rules,
    // A slash separates the names of a path.
    refusedEndings: ["/b"],
    lacks: {
      tokens: "credentials do not expire",
      ...(canWipe ? {} : { wipe: "tested with one server" }),
      ...(wrong === undefined ? { credentials: "the server asks for none" } : {}),
    },
    child: { module: new URL("./child.ts", import.meta.url).href, export: "registryFor" },
    open: () => openBed(given, options),
  };
}

async function openBed(
  { server, wrong, canWipe }: ZookeeperSubjectOptions,
  options: Partial<ZookeeperOptions>,
): Promise<Bed> {
  const { ports, store, wipe, reset } = server();
  const proxies = await Promise.all(ports.map((port) => faultProxy({ host: "127.0.0.1", port })));
  const link = { ...options, servers: proxies.map(({ port }) => `127.0.0.1:${port}`) };
  return {
    connect({ credentials } = {}): Registry {
      return zookeeperRegistry(credentials === "wrong" ? { ...link, ...wrong } : link);
    },
    faults: together(proxies),
    raw: { ...rawRecords(store, "/services"), reset, ...(canWipe && wipe ? { wipe } : {}) },
    activity: {
      get open() {
        return proxies.reduce((sum, { connections }) => sum + connections, 0);
      },
      get started() {
        return proxies.reduce((sum, { accepted }) => sum + accepted, 0);
      },
    },
    link,
    async [Symbol.asyncDispose]() {
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
  };
}

/** One fault for all. */
function together(proxies: readonly FaultProxy[]): Bed["faults"] {
  const all = (act: (proxy: FaultProxy) => void) => (): void => proxies.forEach(act);
  return {
    refuse: all((proxy) => proxy.refuse()),
    stall: all((proxy) => proxy.stall()),
    cut: all((proxy) => proxy.cut()),
    halfOpen: all((proxy) => proxy.halfOpen()),
    restore: all((proxy) => proxy.restore()),
  };
}
