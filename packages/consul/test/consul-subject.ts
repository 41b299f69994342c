import { type Bed, faultProxy, type Subject, type Timing } from "@rollcall/conformance";
import type { Registry } from "@rollcall/core";
import type { ConsulProcess } from "@rollcall/testbed";

import { consulRegistry, type ConsulOptions } from "../src/index.ts";
import { type RawConsul, rawConsul } from "./raw-consul.ts";

/** Options of {@link consulSubject}. */
export interface ConsulSubjectOptions {
  readonly name: string;
  readonly timing: Timing;
  /** The agent, once it runs. */
  readonly server: () => ConsulProcess;
  readonly canWipe: boolean;
  /** A token that is refused; none when the agent refuses nobody. */
  readonly wrongToken?: (() => string) | undefined;
  readonly rules?: Subject["rules"];
  readonly options?: (() => Partial<ConsulOptions>) | undefined;
}

/** One kind of Consul agent as the conformance suite sees it. */
export function consulSubject(given: ConsulSubjectOptions): Subject {
  const { name, timing, server, canWipe, wrongToken, rules } = given;
  const optionsOf = (): Partial<ConsulOptions> => ({
    timeouts: { connectMs: 500, readMs: 1_000, waitMs: 2_000 },
    registration: { ttlMs: timing.ttlMs },
    maxReadsPerSecond: 100,
    ...given.options?.(),
  });
  return {
    name,
    traits: consulRegistry({ registration: { ttlMs: timing.ttlMs } }).traits,
    timing,
    rules,
    caseSensitive: false,
    lacks: {
      tokens: "Consul's own tokens do not expire",
      reset: "an index goes back by itself only, when the agent is wiped",
      ...(canWipe ? {} : { wipe: "what the agent holds survives a restart" }),
      ...(wrongToken === undefined ? { credentials: "the agent refuses nobody" } : {}),
    },
    child: { module: new URL("./child.ts", import.meta.url).href, export: "registryFor" },
    open: () => openBed(server(), optionsOf(), canWipe, wrongToken),
  };
}

async function openBed(
  server: ConsulProcess,
  options: Partial<ConsulOptions>,
  canWipe: boolean,
  wrongToken: (() => string) | undefined,
): Promise<Bed> {
  const proxy = await faultProxy({ host: "127.0.0.1", port: server.port });
  const link: ConsulOptions = {
    ...options,
    servers: server.url.replace(String(server.port), String(proxy.port)),
    token: server.token,
  };
  const raw: RawConsul = rawConsul(server.access);
  return {
    connect({ credentials } = {}): Registry {
      return consulRegistry(credentials === "wrong" ? { ...link, token: wrongToken?.() } : link);
    },
    faults: proxy,
    raw: canWipe
      ? {
          ...raw,
          async wipe() {
            await server.restart();
          },
        }
      : raw,
    activity: {
      get open() {
        return proxy.connections;
      },
      get started() {
        return proxy.accepted;
      },
    },
    link,
    [Symbol.asyncDispose]: () => proxy.close(),
  };
}
