import {
  type Bed,
  type FaultTarget,
  faultProxy,
  type Raw,
  type Subject,
  type Timing,
} from "@rollcall/conformance";
import type { NodeInput, Registry } from "@rollcall/core";

import { etcdRegistry, type EtcdOptions } from "../src/index.ts";
import { type RawAccess, type RawEtcd, rawEtcd } from "./raw-etcd.ts";

/** Running servers that a subject is made for. */
export interface SubjectServer {
  /** The member that a new connection gets to. */
  readonly url: string;
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
  readonly canWipe: boolean;
  /** Whether the server refuses wrong credentials. */
  readonly hasLogin: boolean;
  readonly rules?: Subject["rules"];
  readonly options?: Partial<EtcdOptions> | undefined;
}

/** One kind of etcd as the conformance suite sees it. */
export function etcdSubject(given: EtcdSubjectOptions): Subject {
  const { name, timing, canWipe, hasLogin, rules, server } = given;
  const options: Partial<EtcdOptions> = {
    timeouts: { connectMs: 500, requestMs: 1_000, noticeMs: 1_000 },
    ...given.options,
  };
  return {
    name,
    traits: etcdRegistry({ ...options, hosts: "http://127.0.0.1" }).traits,
    timing,
    rules,
    lacks: {
      ...(canWipe ? {} : { wipe: "others use the server too" }),
      ...(hasLogin
        ? {}
        : { credentials: "the server asks for none", tokens: "the server asks for none" }),
    },
    child: { module: new URL("./child.ts", import.meta.url).href, export: "registryFor" },
    open: () => openBed(server, options, given),
  };
}

async function openBed(
  server: () => SubjectServer,
  options: Partial<EtcdOptions>,
  { canWipe }: EtcdSubjectOptions,
): Promise<Bed> {
  const proxy = await faultProxy((): FaultTarget => {
    const { hostname, port } = new URL(server().url);
    return { host: hostname, port: Number(port) };
  });
  const { protocol } = new URL(server().url);
  const link = { ...options, hosts: `${protocol}//127.0.0.1:${proxy.port}` };
  const etcd = rawEtcd(() => server().url, server().access);
  const { wipe, reset } = server();
  return {
    connect({ credentials } = {}): Registry {
      return etcdRegistry(credentials === "wrong" ? { ...link, password: "not-this-one" } : link);
    },
    faults: proxy,
    raw: {
      ...rawOf(etcd),
      async reset() {
        if (reset !== undefined) {
          await reset();
          return;
        }
        // A watch that is up to date survives a compaction, one that has to catch up does not.
        proxy.cut();
        await etcd.compact();
      },
      ...(canWipe && {
        async wipe() {
          await wipe?.();
          proxy.cut();
        },
      }),
    },
    activity: {
      get open() {
        return proxy.connections;
      },
      get started() {
        return proxy.accepted;
      },
    },
    link,
    async [Symbol.asyncDispose]() {
      await proxy.close();
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
