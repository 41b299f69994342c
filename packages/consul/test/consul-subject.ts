import {
  type Bed,
  type FaultProxy,
  faultProxy,
  type Faults,
  type Subject,
  type Timing,
} from "@rollcall/conformance";
import type { Registry } from "@rollcall/core";
import type { ConsulProcess } from "@rollcall/testbed";

import { consulRegistry, type ConsulOptions } from "../src/index.ts";
import { type RawConsul, rawConsul } from "./raw-consul.ts";

/** Options of {@link consulSubject}. */
export interface ConsulSubjectOptions {
  readonly name: string;
  readonly timing: Timing;
  /** The agents, once they run; raw access is through the first. */
  readonly servers: () => readonly [ConsulProcess, ...ConsulProcess[]];
  /** Restarts the first agent with nothing in it; left out where what it holds survives. */
  readonly wipe?: (() => Promise<void>) | undefined;
  /** Makes every watch lose its place, if {@link ConsulSubjectOptions.wipe} cannot serve for it. */
  readonly reset?: ((proxies: readonly FaultProxy[]) => Promise<void>) | undefined;
  /** A token that is refused; none when the agent refuses nobody. */
  readonly wrongToken?: (() => string) | undefined;
  /** Default: the one that may do everything. */
  readonly token?: (() => string) | undefined;
  readonly rules?: Subject["rules"];
  readonly options?: Partial<ConsulOptions> | undefined;
}

/** One kind of Consul agents as the conformance suite sees them. */
export function consulSubject(given: ConsulSubjectOptions): Subject {
  const { name, timing, wipe, reset, wrongToken, rules } = given;
  return {
    name,
    traits: consulRegistry({ registration: { ttlMs: timing.ttlMs } }).traits,
    timing,
    rules,
    caseSensitive: false,
    scopes: [{ dc: "dc1" }, { dc: "dc2" }],
    lacks: {
      tokens: "Consul's own tokens do not expire",
      ...(wipe === undefined ? { wipe: "what the agents hold survives a restart" } : {}),
      ...(wipe === undefined && reset === undefined ? { reset: "the index stays" } : {}),
      ...(wrongToken === undefined ? { credentials: "the agent refuses nobody" } : {}),
    },
    child: { module: new URL("./child.ts", import.meta.url).href, export: "registryFor" },
    open: () => openBed(given),
  };
}

async function openBed(given: ConsulSubjectOptions): Promise<Bed> {
  const { timing, wipe, reset, wrongToken, token, options } = given;
  const servers = given.servers();
  const [first] = servers;
  const proxies = await Promise.all(
    servers.map(({ port }) => faultProxy({ host: "127.0.0.1", port })),
  );
  const link: ConsulOptions = {
    timeouts: { connectMs: 500, readMs: 1_000, waitMs: 2_000 },
    registration: { ttlMs: timing.ttlMs },
    maxReadsPerSecond: 100,
    servers: servers.map(({ url, port }, index) =>
      url.replace(String(port), String(proxies[index]?.port)),
    ),
    token: token?.() ?? first.token,
    ...options,
  };
  const raw: RawConsul = rawConsul(first.access);
  return {
    connect: ({ credentials } = {}): Registry =>
      consulRegistry(credentials === "wrong" ? { ...link, token: wrongToken?.() } : link),
    faults: together(proxies),
    raw: {
      ...raw,
      ...(wipe === undefined ? {} : { wipe, reset: () => raw.putBack(wipe) }),
      ...(reset === undefined ? {} : { reset: () => reset(proxies) }),
    },
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

function together(proxies: readonly FaultProxy[]): Faults {
  const each = (fault: keyof Faults) => (): void => {
    for (const proxy of proxies) proxy[fault]();
  };
  return {
    refuse: each("refuse"),
    stall: each("stall"),
    cut: each("cut"),
    halfOpen: each("halfOpen"),
    restore: each("restore"),
  };
}
