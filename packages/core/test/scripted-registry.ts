import { latch } from "../src/adapter/latch.ts";
import type { NodeSet, Registry, RegistryTraits, ServiceQuery } from "../src/registry.ts";
import { defineNode, type NodeInput, type ServiceNode } from "../src/node.ts";

/** One call of `watch`, played by the test. */
export interface WatchAttempt {
  readonly query: ServiceQuery;
  readonly signal: AbortSignal;
  /** Whether the iterator was told to stop. */
  readonly returned: boolean;
  push(...nodes: readonly ServiceNode[]): void;
  pushSet(set: NodeSet): void;
  fail(error: unknown): void;
  end(): void;
}

export interface ReadCall {
  readonly query: ServiceQuery;
  readonly signal: AbortSignal;
  /** Whether the test has answered it, or made it fail. */
  readonly settled: boolean;
  answer(...nodes: readonly ServiceNode[]): void;
  fail(error: unknown): void;
}

/** A registry whose every answer is given by the test. */
export interface ScriptedRegistry extends Registry {
  readonly watches: readonly WatchAttempt[];
  readonly reads: readonly ReadCall[];
  /** The newest watch attempt. */
  readonly last: WatchAttempt;
}

export interface ScriptedOptions {
  readonly name?: string;
  readonly identity?: string;
  readonly traits?: Partial<RegistryTraits>;
  /** Whether an abort leaves watches and reads hanging. */
  readonly deaf?: boolean;
}

export function scriptedRegistry(options: ScriptedOptions = {}): ScriptedRegistry {
  const watches: WatchAttempt[] = [];
  const reads: ReadCall[] = [];
  const name = options.name ?? "scripted";
  const unused = (): never => {
    throw new Error("not part of the script");
  };
  return {
    type: "scripted",
    name,
    identity: options.identity ?? `scripted:${name}`,
    traits: {
      delivery: "push",
      returnMs: 30_000,
      propagationMs: 0,
      scope: ["group", "namespace"],
      keeps: ["service", "id", "host", "port"],
      cannot: {},
      ...options.traits,
    },
    watches,
    reads,
    get last() {
      const attempt = watches.at(-1);
      if (attempt === undefined) throw new Error("nothing watches");
      return attempt;
    },
    read(query, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<NodeSet>();
      if (options.deaf !== true) {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      }
      let settled = false;
      reads.push({
        query,
        signal,
        get settled() {
          return settled;
        },
        answer(...answered) {
          settled = true;
          resolve({ nodes: answered });
        },
        fail(error) {
          settled = true;
          reject(error);
        },
      });
      return promise;
    },
    watch(query, signal) {
      const sets = latch<NodeSet>(options.deaf === true ? undefined : signal);
      let returned = false;
      watches.push({
        query,
        signal,
        get returned() {
          return returned;
        },
        push: (...nodes) => sets.set({ nodes }),
        pushSet: (set) => sets.set(set),
        fail: (error) => sets.fail(error),
        end: () => sets.end(),
      });
      const iterator = sets[Symbol.asyncIterator]();
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => iterator.next(),
          return: async () => {
            returned = true;
            await iterator.return?.();
            return { done: true, value: undefined };
          },
        }),
      };
    },
    register: unused,
    services: unused,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** `orders` node number `n`, at 10.0.0.n, id `n<n>`. */
export function node(n: number, rest: Partial<NodeInput> = {}): ServiceNode {
  const host = `10.${Math.floor(n / 65_536)}.${Math.floor(n / 256) % 256}.${n % 256}`;
  return defineNode({ service: "orders", id: `n${n}`, host, port: 80, ...rest });
}

/** Nodes number `from` up to, not including, `to`. */
export function nodes(from: number, to: number, rest: Partial<NodeInput> = {}): ServiceNode[] {
  return Array.from({ length: to - from }, (_, index) => node(from + index, rest));
}

/** Ids of nodes, in order. */
export function ids(list: readonly ServiceNode[]): string[] {
  return list.map(({ id }) => id);
}
