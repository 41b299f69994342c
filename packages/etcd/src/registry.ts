import {
  defineNode,
  DiscoveryError,
  type NodeInput,
  type NodeSet,
  type RegisterOptions,
  type Registration,
  type Registry,
  type RegistryTraits,
  type Scope,
  type ServiceNode,
  type ServiceQuery,
  type WithSignal,
} from "@rollcall/core";
import { checkScope, keepRegistered, RegistryLifetime } from "@rollcall/core/adapter";

import { EtcdClient } from "./client.ts";
import { type Followed, follow } from "./follow.ts";
import { Leases } from "./leases.ts";
import { type KeyRange, prefixRange } from "./messages.ts";
import { NodeTable } from "./node-table.ts";
import {
  type EtcdOptions,
  type ResolvedRegistryOptions,
  resolveRegistryOptions,
  ttlBounds,
} from "./options.ts";
import { OwnRecord } from "./own-record.ts";

/**
 * An etcd cluster as a registry. Opens no connection before it is used.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the option, its value and what it must be.
 */
export function etcdRegistry(options: EtcdOptions): Registry {
  return new EtcdRegistry(resolveRegistryOptions(options));
}

class EtcdRegistry implements Registry {
  readonly type = "etcd";
  readonly name: string;
  readonly identity: string;
  readonly traits: RegistryTraits;
  readonly #options: ResolvedRegistryOptions;
  readonly #client: EtcdClient;
  readonly #leases: Leases;
  readonly #owners = new Map<string, OwnRecord>();
  readonly #life: RegistryLifetime;

  constructor(options: ResolvedRegistryOptions) {
    this.#options = options;
    this.name = options.name;
    this.#life = new RegistryLifetime(this.name);
    const urls = options.hosts.map(({ url }) => url).sort();
    this.identity = ["etcd", ...urls, options.codec.name, options.prefix].join(" ");
    this.traits = traitsOf(options);
    this.#client = new EtcdClient(options);
    this.#leases = new Leases(this.#client, options.clock);
  }

  async read(query: ServiceQuery, signal: AbortSignal): Promise<NodeSet> {
    const linked = this.#life.linked(signal);
    const { range, operation } = this.#followed(query.service, "read");
    const { kvs } = await this.#client.range({ range, operation }, linked);
    const table = this.#table(query.service);
    table.replace(kvs);
    return table.nodeSet();
  }

  async *watch(query: ServiceQuery, signal: AbortSignal): AsyncGenerator<NodeSet, void, void> {
    const linked = this.#life.linked(signal);
    const { service } = query;
    const table = this.#table(service);
    const followed = this.#followed(service, "watch");
    for await (const _ of follow(this.#client, followed, table, linked)) yield table.nodeSet();
  }

  register(input: NodeInput, options: RegisterOptions = {}): Promise<Registration> {
    const node = defineNode(input);
    checkScope(options.scope, this);
    this.#checkName("service", node.service, "register");
    this.#checkName("id", node.id, "register");
    this.#checkWritable(node);
    const { ttlMs = this.#options.ttlMs } = options;
    const [min, max] = ttlBounds;
    if (!Number.isFinite(ttlMs) || ttlMs < min || ttlMs > max) {
      throw this.#invalid(
        "register",
        `ttlMs must be a number from ${min} to ${max}, got ${String(ttlMs)}`,
      );
    }
    return this.#register(node, ttlMs, options.signal);
  }

  async services(
    options: WithSignal & { readonly scope?: Scope | undefined } = {},
  ): Promise<readonly string[]> {
    checkScope(options.scope, this);
    const linked = this.#life.linked(options.signal);
    const { prefix, codec } = this.#options;
    const { kvs } = await this.#client.range(
      {
        range: prefixRange(prefix),
        operation: `list the services under ${prefix}`,
        keysOnly: true,
      },
      linked,
    );
    const names = new Set<string>();
    for (const { key } of kvs) {
      const place = codec.locate(key.toString("utf8").slice(prefix.length));
      if (place !== undefined) names.add(place.service);
    }
    return [...names].sort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#life.end(async (reason) => {
      await this.#leases.settled();
      this.#client.close(reason);
    });
  }

  #register(
    node: ServiceNode,
    ttlMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Registration> {
    const { clock, random, codec, prefix, weight, requestMs } = this.#options;
    const record = new OwnRecord(
      {
        client: this.#client,
        leases: this.#leases,
        ttlSeconds: Math.ceil(ttlMs / 1_000),
        registry: this.name,
        codec,
        prefix,
        weight,
        owners: this.#owners,
      },
      node,
    );
    return this.#life.enter(async (left) => {
      try {
        return await keepRegistered({
          registry: this.name,
          node,
          ttlMs,
          callTimeoutMs: Math.min(ttlMs / 3, 2 * requestMs),
          signal: this.#life.linked(signal),
          clock,
          random,
          put: record.put,
          change: record.change,
          renew: record.renew,
          remove: record.remove,
          onClosed: (closed) => {
            left(closed);
            record.release();
          },
        });
      } catch (thrown) {
        record.release();
        throw thrown;
      }
    });
  }

  #followed(service: string, verb: string): Followed {
    this.#checkName("service", service, verb);
    const { prefix, codec, maxSetBytes } = this.#options;
    const keys = `${prefix}${codec.servicePrefix(service)}`;
    const range: KeyRange = prefixRange(keys);
    return { range, operation: `${verb} ${keys}`, registry: this.name, maxSetBytes };
  }

  #table(service: string): NodeTable {
    const { codec, prefix, weight } = this.#options;
    return new NodeTable({ codec, prefix, weight, service, registry: this.name });
  }

  /** Keys are UTF-8 here, and what is not well-formed would be another name after a round trip. */
  #checkName(field: "service" | "id", name: string, verb: string): void {
    if (name.isWellFormed()) return;
    const shown = JSON.stringify(name.slice(0, 80));
    throw this.#invalid(verb, `${field} must be well-formed Unicode, got ${shown}`);
  }

  #checkWritable(node: ServiceNode): void {
    const { codec } = this.#options;
    try {
      codec.encode(node);
    } catch {
      throw this.#invalid("register", `the codec ${codec.name} cannot write the node`);
    }
  }

  #invalid(operation: string, reason: string): DiscoveryError {
    return new DiscoveryError({ code: "INVALID", registry: this.name, operation, reason });
  }
}

/** Time for re-registrations to be processed after a heartbeat learned that the record is gone, in ms. */
const returnSlackMs = 5_000;

function traitsOf({ ttlMs, codec }: ResolvedRegistryOptions): RegistryTraits {
  return Object.freeze({
    delivery: "push",
    // A registrant learns of a loss with its next heartbeat.
    returnMs: Math.ceil(ttlMs / 3) + returnSlackMs,
    // Connection attempts are paced for all watches together, with a cap of a second.
    // What a read shows is on its way to every watch.
    propagationMs: 500,
    retryCapMs: 1_000,
    scope: Object.freeze([]),
    keeps: codec.keeps,
    cannot: Object.freeze({}),
  });
}
