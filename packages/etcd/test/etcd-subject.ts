import {
  type Bed,
  type FaultProxy,
  faultProxy,
  type Raw,
  type Subject,
  type Timing,
} from "@rollcall/conformance";
import type { NodeInput, Registry } from "@rollcall/core";

import { etcdRegistry, type EtcdOptions } from "../src/index.ts";
import { type RawAccess, type RawEtcd, rawEtcd } from "./raw-etcd.ts";

/** A running server, or the members of a running cluster, that a subject is made for. */
export interface SubjectServer {
  readonly urls: readonly string[];
  readonly access?: RawAccess | undefined;
  /** Forgets everything; left out where that cannot be had. */
  readonly wipe?: (() => Promise<void>) | undefined;
  /** Makes every watch lose its place, otherwise than by a compaction. */
  readonly reset?: (() => Promise<void>) | undefined;
}

/** Options of {@link etcdSubject}. */
export interface EtcdSubjectOptions {
  readonly name: string;
  readonly timing: Timing;
  readonly server: () => SubjectServer;
  readonly lacks: NonNullable<Subject["lacks"]>;
  readonly rules?: Subject["rules"];
  readonly options?: Partial<EtcdOptions> | undefined;
}

/** One kind of etcd as the conformance suite sees it. */
export function etcdSubject(given: EtcdSubjectOptions): Subject {
  const { name, timing, lacks, rules, server } = given;
  const options: Partial<EtcdOptions> = {
    timeouts: { connectMs: 500, requestMs: 1_000, noticeMs: 1_000 },
    ...given.options,
  };
  return {
    name,
    traits: etcdRegistry({ ...options, hosts: "http://127.0.0.1" }).traits,
    timing,
    rules,
    lacks,
    child: { module: new URL("./child.ts", import.meta.url).href, export: "registryFor" },
    open: () => openBed(server(), options, lacks),
  };
}

async function openBed(
  { urls, access, wipe, reset }: SubjectServer,
  options: Partial<EtcdOptions>,
  lacks: EtcdSubjectOptions["lacks"],
): Promise<Bed> {
  const proxies = await Promise.all(
    urls.map((url) => faultProxy({ host: "127.0.0.1", port: Number(new URL(url).port) })),
  );
  const hosts = proxies.map((proxy, index) => {
    const url = new URL(urls[index] ?? "");
    url.port = String(proxy.port);
    return url.origin;
  });
  const link = { ...options, hosts };
  const etcd = rawEtcd(() => urls[0] ?? "", access);
  const each = (action: (proxy: FaultProxy) => void) => () => {
    for (const proxy of proxies) action(proxy);
  };
  const faults = {
    refuse: each((proxy) => proxy.refuse()),
    stall: each((proxy) => proxy.stall()),
    cut: each((proxy) => proxy.cut()),
    halfOpen: each((proxy) => proxy.halfOpen()),
    restore: each((proxy) => proxy.restore()),
  };
  const sum = (count: (proxy: FaultProxy) => number): number =>
    proxies.reduce((total, proxy) => total + count(proxy), 0);
  return {
    connect({ credentials } = {}): Registry {
      return etcdRegistry(credentials === "wrong" ? { ...link, password: "not-this-one" } : link);
    },
    faults,
    raw: {
      ...rawOf(etcd),
      async reset() {
        if (reset !== undefined) {
          await reset();
          return;
        }
        // A watch that is up to date survives a compaction, one that has to catch up does not.
        faults.cut();
        await etcd.compact();
      },
      ...(lacks.wipe === undefined && {
        async wipe() {
          await wipe?.();
          faults.cut();
        },
      }),
    },
    activity: {
      get open() {
        return sum((proxy) => proxy.connections);
      },
      get started() {
        return sum((proxy) => proxy.accepted);
      },
    },
    link,
    async [Symbol.asyncDispose]() {
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
  };
}

/** Records as `etcdctl put` would write them, by their documented form. */
function rawOf(etcd: RawEtcd): Omit<Raw, "wipe" | "reset"> {
  const escape = (part: string): string => part.replaceAll("%", "%25").replaceAll("/", "%2F");
  const keyOf = (service: string, id: string): string =>
    `/rollcall/${escape(service)}/${escape(id)}`;
  const valueOf = (node: NodeInput): string =>
    JSON.stringify({ ...node, service: undefined, id: undefined });
  return {
    put: (node) => etcd.put(keyOf(node.service, node.id), valueOf(node)),
    putGarbage: (service) => etcd.put(keyOf(service, "garbage"), '{"host":"127.0.0.1","port":'),
    corrupt: (service, id) => etcd.put(keyOf(service, id), '{"host":"192.0.2.1","port":9}'),
    remove: (service, id) => etcd.remove(keyOf(service, id)),
    async stored(service, id) {
      const found = await etcd.get(keyOf(service, id));
      if (found === undefined) return undefined;
      const { status = "up", weight = 1 } = JSON.parse(found.value) as Record<string, unknown>;
      return { serving: status === "up" && weight !== 0 };
    },
    async override(service, id) {
      const found = await etcd.get(keyOf(service, id));
      const value = JSON.parse(found?.value ?? "{}") as Record<string, unknown>;
      // Without a lease, as etcdctl puts.
      await etcd.put(keyOf(service, id), JSON.stringify({ ...value, weight: 7, status: "down" }));
      return { weight: 7, status: "down" };
    },
  };
}
