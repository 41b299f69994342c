import {
  type Bed,
  type FaultProxy,
  faultProxy,
  type Faults,
  type Raw,
  type RuleId,
  type Subject,
  type Timing,
} from "@rollcall/conformance";
import type { Registry } from "@rollcall/core";
import type { NacosVersion } from "@rollcall/testbed";

import { nacosRegistry, type NacosOptions } from "../src/index.ts";
import { type ListedInstance, type RawNacos, rawNacos } from "./raw-nacos.ts";

/** A running server that a subject is made for. */
export interface SubjectServer {
  readonly url: string;
  readonly port: number;
  readonly grpcPort: number;
  /** Forgets everything. */
  restart(): Promise<void>;
}

/** Options of {@link nacosSubject}. */
export interface NacosSubjectOptions {
  readonly name: string;
  readonly version: NacosVersion;
  readonly timing: Timing;
  readonly server: () => SubjectServer;
  /** For a server that asks for one. */
  readonly login?: { readonly username: string; readonly password: string } | undefined;
  /** `http`: gRPC is refused all the time, so the adapter has to find out. Default `grpc`. */
  readonly transport?: "grpc" | "http" | undefined;
  /** Whether others use the server too. Default `false`. */
  readonly isShared?: boolean | undefined;
  readonly rules?: Subject["rules"];
  readonly options?: Partial<NacosOptions> | undefined;
}

/** One kind of Nacos server as the conformance suite sees it. */
export function nacosSubject(given: NacosSubjectOptions): Subject {
  const { name, timing, login, rules, transport = "grpc", isShared = false } = given;
  const options: Partial<NacosOptions> = {
    protocol: "auto",
    intervalMs: 100,
    fullReadEveryMs: 1_000,
    timeouts: { connectMs: 500, sendMs: 500, readMs: 1_000 },
    healthCheck: { intervalMs: 300, timeoutMs: 400, failures: 3 },
    ...given.options,
    registration: { checkEveryMs: 300, ...given.options?.registration },
    ...login,
  };
  return {
    name,
    traits: nacosRegistry({ ...options, servers: "http://127.0.0.1:8848" }).traits,
    timing,
    rules,
    // Servers refuse such names, or some of their versions do.
    refusedEndings: [" b", "@@b", "é漢"],
    scopes: [{ group_name: "first" }, { group_name: "second" }],
    lacks: {
      ...(isShared ? { wipe: "the server is shared" } : {}),
      ...(transport === "http" ? { reset: "a poll has no place that it could lose" } : {}),
      ...(timing.tokenMs === undefined ? { tokens: "the server asks for none" } : {}),
      ...(login === undefined ? { credentials: "the server asks for none" } : {}),
    },
    child: { module: new URL("./child.ts", import.meta.url).href, export: "registryFor" },
    open: () => openBed(given, options),
  };
}

async function openBed(
  { server, version, login, transport = "grpc", isShared = false }: NacosSubjectOptions,
  options: Partial<NacosOptions>,
): Promise<Bed> {
  const { url, port, grpcPort } = server();
  const http = await faultProxy({ host: "127.0.0.1", port });
  const grpc = await faultProxy({ host: "127.0.0.1", port: grpcPort });
  const proxies = [http, grpc];
  if (transport === "http") grpc.refuse();
  const raw = rawOf(rawNacos(url, version, login), version, {
    cut: () => grpc.cut(),
    ...(isShared ? {} : { restart: () => server().restart() }),
    hasReset: transport === "grpc",
  });
  const link: NacosOptions = {
    ...options,
    servers: `http://127.0.0.1:${http.port}`,
    grpcPortOffset: grpc.port - http.port,
  };
  return {
    connect({ credentials } = {}): Registry {
      return nacosRegistry(credentials === "wrong" ? { ...link, password: "not-this-one" } : link);
    },
    faults: bothFaults(transport === "http" ? [http] : proxies),
    raw,
    activity: {
      get open() {
        return http.connections + grpc.connections;
      },
      get started() {
        return http.accepted + grpc.accepted;
      },
    },
    link,
    async [Symbol.asyncDispose]() {
      await Promise.all(proxies.map((proxy) => proxy.close()));
    },
  };
}

function bothFaults(proxies: readonly FaultProxy[]): Faults {
  const each = (act: (faults: Faults) => void) => (): void => proxies.forEach(act);
  return {
    refuse: each((one) => one.refuse()),
    stall: each((one) => one.stall()),
    cut: each((one) => one.cut()),
    halfOpen: each((one) => one.halfOpen()),
    restore: each((one) => one.restore()),
  };
}

function rawOf(
  nacos: RawNacos,
  version: NacosVersion,
  server: { cut(): void; readonly restart?: () => Promise<void>; readonly hasReset: boolean },
): Raw {
  const idOf = ({ ip, port, metadata }: ListedInstance): string =>
    metadata["rollcall.id"] ?? `${ip}:${port}`;
  const all = async (service: string, id: string): Promise<readonly ListedInstance[]> =>
    (await nacos.list(service)).filter((one) => idOf(one) === id);
  const gone = async (service: string, id: string): Promise<void> => {
    for (const one of await all(service, id)) await nacos.deregister(service, one);
  };
  return {
    async put(node) {
      for (const one of await all(node.service, node.id)) {
        if (one.ip !== node.host || one.port !== node.port) {
          await nacos.deregister(node.service, one);
        }
      }
      await nacos.register(node);
    },
    putGarbage: (service) => nacos.register({ service, id: "garbage", host: "127.0.0.1", port: 0 }),
    async corrupt(service, id) {
      const [own] = await all(service, id);
      if (own === undefined) throw new Error(`there is no record ${id}`);
      await nacos.register({
        service,
        id,
        host: own.ip,
        port: own.port,
        metadata: { scribble: "yes" },
      });
    },
    async remove(service, id) {
      const records = await all(service, id);
      await gone(service, id);
      // What came over gRPC lives and dies with its connection; no tool removes it.
      if (records.some(({ metadata }) => metadata["rollcall.owner"] !== undefined)) server.cut();
    },
    async stored(service, id) {
      const records = await all(service, id);
      if (records.length === 0) return undefined;
      return { serving: records.some(({ weight, healthy }) => weight > 0 && healthy) };
    },
    async override(service, id) {
      const [own] = await all(service, id);
      if (own === undefined) throw new Error(`there is no record ${id}`);
      await nacos.edit(service, own, { weight: 7 });
      return { weight: 7 };
    },
    ...(server.restart === undefined ? {} : { wipe: server.restart }),
    ...(server.hasReset ? { reset: () => moveAll(nacos, version) } : {}),
  };
}

/** Has the server ask every client to move, as operators do to spread them. */
async function moveAll(nacos: RawNacos, version: NacosVersion): Promise<void> {
  const [current, method, move] =
    version === "3.1"
      ? ["/nacos/v3/admin/core/loader/current", "POST", "/nacos/v3/admin/core/loader/reloadClient"]
      : ["/nacos/v2/core/loader/current", "GET", "/nacos/v2/core/loader/reloadClient"];
  const answer = JSON.parse(await nacos.call("GET", current)) as Record<string, unknown>;
  for (const connectionId of Object.keys(answer["data"] ?? answer)) {
    await nacos.call(method, move, { connectionId });
  }
}

/** A server drops a connection that died without a word 20 to 28 s later. */
export const timing: Timing = {
  ttlMs: 1_500,
  expiryMs: 35_000,
  propagationMs: 15_000,
  noticeMs: 15_000,
};

/** What a further mode of a server must keep. */
export const modeRules: readonly RuleId[] = ["R1", "R2", "R4", "R13", "R14", "R18"];

/**
 * Half of what a server waits by default before it puts its lists together anew: who is cut off and back
 * within that time was never away.
 */
export const pushDelay: Readonly<Record<string, string>> = {
  "nacos.naming.push.pushTaskDelay": "250",
};
