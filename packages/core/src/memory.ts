import { randomUUID } from "node:crypto";

import { keepRegistered } from "./adapter/keep-registered.ts";
import { latch } from "./adapter/latch.ts";
import { optionChecks } from "./adapter/option-checks.ts";
import { RegistryLifetime } from "./adapter/registry-lifetime.ts";
import { DiscoveryError } from "./error.ts";
import {
  memoryBackend,
  type MemoryBackend,
  type MemoryRecord,
  type MemoryStore,
} from "./memory-backend.ts";
import { defineNode, type NodeInput, type ServiceNode } from "./node.ts";
import { checkScope } from "./query.ts";
import type {
  NodeSet,
  RegisterOptions,
  Registration,
  Registry,
  RegistryTraits,
  RejectedRecord,
  Scope,
  ServiceQuery,
  WithSignal,
} from "./registry.ts";

/** Options of {@link memoryRegistry}. */
export interface MemoryRegistryOptions {
  /** Default `memory`. */
  readonly name?: string | undefined;
  /** The store to connect to. Default: one of its own. */
  readonly backend?: MemoryBackend | undefined;
  /** Lease of a registration, in ms. Default 30 000. */
  readonly ttlMs?: number | undefined;
  readonly random?: (() => number) | undefined;
}

const traits: RegistryTraits = Object.freeze({
  delivery: "push",
  returnMs: 30_000,
  propagationMs: 0,
  scope: Object.freeze(["namespace"]),
  keeps: Object.freeze([
    "service",
    "id",
    "host",
    "port",
    "secure",
    "hostname",
    "weight",
    "priority",
    "status",
    "zone",
    "metadata",
  ] as const),
  cannot: Object.freeze({ R13: "calls within one process have no connection that could die" }),
});

/**
 * A registry in this process's memory: the contract's reference implementation, for tests and examples.
 *
 * Registries that share a {@link memoryBackend} see each other, as clients of one server do.
 */
export function memoryRegistry(options: MemoryRegistryOptions = {}): Registry {
  return new MemoryRegistry(options);
}

class MemoryRegistry implements Registry {
  readonly type = "memory";
  readonly name: string;
  readonly identity: string;
  readonly traits = traits;
  readonly #store: MemoryStore;
  readonly #options: MemoryRegistryOptions;
  readonly #life: RegistryLifetime;

  constructor(given: MemoryRegistryOptions) {
    const options = optionChecks("memory").section<MemoryRegistryOptions>("options", given, {
      name: true,
      backend: true,
      ttlMs: true,
      random: true,
    });
    this.#options = options;
    this.name = options.name ?? "memory";
    this.#life = new RegistryLifetime(this.name);
    this.identity = `memory:${this.name}`;
    // Every backend is made by memoryBackend(), whose store has both faces.
    this.#store = (options.backend ?? memoryBackend()) as MemoryStore;
  }

  async read(query: ServiceQuery, signal: AbortSignal): Promise<NodeSet> {
    await this.#store.admit("read", this.#where("read", query), this.#life.linked(signal));
    return this.#decode(query);
  }

  async *watch(query: ServiceQuery, signal: AbortSignal): AsyncGenerator<NodeSet, void, void> {
    const linked = this.#life.linked(signal);
    await this.#store.admit("watch", this.#where("watch", query), linked);
    const changes = latch<null>(linked);
    const unsubscribe = this.#store.subscribe(query.service, query.scope, {
      changed: () => changes.set(null),
      failed: (code) =>
        changes.fail(
          new DiscoveryError({ code, ...this.#where("watch", query), reason: "made to fail" }),
        ),
    });
    try {
      yield this.#decode(query);
      for await (const _ of changes) yield this.#decode(query);
    } finally {
      unsubscribe();
    }
  }

  register(input: NodeInput, options: RegisterOptions = {}): Promise<Registration> {
    const node = defineNode(input);
    const scope = checkScope(options.scope, this);
    const ttlMs = options.ttlMs ?? this.#options.ttlMs ?? 30_000;
    if (!Number.isFinite(ttlMs) || ttlMs < 1) {
      throw new DiscoveryError({
        code: "INVALID",
        registry: this.name,
        operation: "register",
        reason: `ttlMs must be a number >= 1, got ${String(ttlMs)}`,
      });
    }
    return this.#register(node, scope, ttlMs, options.signal);
  }

  async services(
    options: WithSignal & { readonly scope?: Scope | undefined } = {},
  ): Promise<readonly string[]> {
    const scope = checkScope(options.scope, this);
    const where = { registry: this.name, operation: "list services" };
    await this.#store.admit("read", where, this.#life.linked(options.signal));
    return this.#store.services(scope);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#life.end(() => {});
  }

  #register(
    node: ServiceNode,
    scope: Scope | undefined,
    ttlMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Registration> {
    const owner = randomUUID();
    const { service, id } = node;
    const store = this.#store;
    let epoch = 0;
    // What an operator changed outlives the record that carries it.
    let override: MemoryRecord["override"];
    const lease = (): number => store.clock.monotonicMs() + ttlMs;
    const write = async (next: ServiceNode, callSignal: AbortSignal): Promise<void> => {
      await store.admit("write", this.#where("register", { service }), callSignal);
      const found = store.get(service, id, scope);
      if (found !== undefined) override = found.override;
      store.put(service, id, { node: next, override, owner, epoch, expiresAtMs: lease() }, scope);
    };
    return this.#life.enter((onClosed) =>
      keepRegistered({
        registry: this.name,
        node,
        ttlMs,
        signal: this.#life.linked(signal),
        clock: store.clock,
        random: this.#options.random,
        put: async (next, callSignal) => {
          epoch = store.nextEpoch();
          await write(next, callSignal);
        },
        change: (next, _previous, callSignal) => write(next, callSignal),
        renew: async (held, callSignal) => {
          await store.admit("write", this.#where("renew", { service }), callSignal);
          const record = store.get(service, id, scope);
          if (record !== undefined) override = record.override;
          if (
            record?.owner !== undefined &&
            record.owner !== owner &&
            (record.epoch ?? 0) > epoch
          ) {
            throw new DiscoveryError({
              code: "CONFLICT",
              ...this.#where("renew", { service }),
              reason: `another live owner holds ${id}`,
            });
          }
          if (record?.owner !== owner || record.node !== held) return "gone";
          store.put(service, id, { ...record, expiresAtMs: lease() }, scope);
          return "held";
        },
        remove: async (_held, callSignal) => {
          await store.admit("write", this.#where("deregister", { service }), callSignal);
          if (store.get(service, id, scope)?.owner === owner) store.delete(service, id, scope);
        },
        onClosed,
      }),
    );
  }

  #decode(query: ServiceQuery): NodeSet {
    const nodes: ServiceNode[] = [];
    const rejected: RejectedRecord[] = [];
    for (const [id, record] of this.#store.records(query.service, query.scope)) {
      try {
        nodes.push(decode(query.service, id, record));
      } catch (cause) {
        const reason = cause instanceof DiscoveryError ? cause.reason : "not a node";
        const where = this.#where(`decode ${id} of`, query);
        const error = new DiscoveryError({ code: "RECORD", ...where, reason, cause });
        rejected.push({ key: id, error });
      }
    }
    return { nodes, rejected };
  }

  #where(verb: string, query: ServiceQuery): { registry: string; operation: string } {
    return { registry: this.name, operation: `${verb} ${query.service}` };
  }
}

const decoded = new WeakMap<MemoryRecord, ServiceNode>();

/** One record gives one node, so a re-read of what did not change costs nothing downstream. */
function decode(service: string, id: string, record: MemoryRecord): ServiceNode {
  const known = decoded.get(record);
  if (known !== undefined) return known;
  if (typeof record.node !== "object" || record.node === null) {
    throw new DiscoveryError({
      code: "INVALID",
      registry: "memory",
      operation: "decode",
      reason: "the record is not an object",
    });
  }
  const node = defineNode({ ...(record.node as NodeInput), ...record.override, service, id });
  decoded.set(record, node);
  return node;
}
