import {
  defineNode,
  DiscoveryError,
  maxMetadataBytes,
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
import { checkScope, keepRegistered, NodeSets, RegistryLifetime } from "@rollcall/core/adapter";

import { Access } from "./access.ts";
import type { Decoded } from "./codec.ts";
import { HttpApi } from "./http-api.ts";
import { HttpExchange } from "./http-exchange.ts";
import { Link } from "./link.ts";
import { type Place, placeOf, problemOfName, scopeKeys, type ServiceKey } from "./names.ts";
import { nodeSetOf } from "./node-set.ts";
import {
  maxTtlMs,
  minTtlMs,
  type NacosOptions,
  type ResolvedOptions,
  resolveOptions,
} from "./options.ts";
import { OwnRecord } from "./own-record.ts";
import { RecordMemory } from "./record-memory.ts";

/**
 * A cluster of Nacos servers as a registry: gRPC with servers from 2.0 on, HTTP where that cannot be reached.
 * Opens no connection before it is used.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the option, its value and what it must be.
 */
export function nacosRegistry(options: NacosOptions): Registry {
  return new NacosRegistry(resolveOptions(options));
}

class NacosRegistry implements Registry {
  readonly type = "nacos";
  readonly name: string;
  readonly identity: string;
  readonly traits: RegistryTraits;
  readonly #options: ResolvedOptions;
  readonly #exchange: HttpExchange;
  readonly #access: Access;
  readonly #http: HttpApi;
  /** By namespace. */
  readonly #links = new Map<string, Link>();
  readonly #life: RegistryLifetime;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.name = options.name;
    this.#life = new RegistryLifetime(this.name);
    this.identity = identityOf(options);
    this.traits = traitsOf(options);
    this.#exchange = new HttpExchange(options);
    this.#access = new Access(options, this.#exchange);
    this.#http = new HttpApi(options, this.#exchange, this.#access);
  }

  async read(query: ServiceQuery, signal: AbortSignal): Promise<NodeSet> {
    const linked = this.#life.linked(signal);
    const { key, clusters } = this.#locate(query, "read");
    const link = this.#link(key.namespace);
    const release = link.hold();
    try {
      const session = await link.session(linked);
      const { hosts } = await session.query(key, linked);
      const records = new RecordMemory(this.#options, key.service, false).decode(hosts);
      return nodeSetOf(records, clusters, new Map());
    } finally {
      release();
    }
  }

  async *watch(query: ServiceQuery, signal: AbortSignal): AsyncGenerator<NodeSet, void, void> {
    const linked = this.#life.linked(signal);
    const { key, clusters } = this.#locate(query, "watch");
    const sets = new NodeSets<Decoded>((records, known) => nodeSetOf(records, clusters, known), {
      isOrdered: clusters.length === 0,
    });
    const link = this.#link(key.namespace);
    const release = link.hold();
    try {
      const session = await link.session(linked);
      for await (const records of session.follow(key, linked)) yield sets.next(records);
    } finally {
      release();
    }
  }

  register(input: NodeInput, options: RegisterOptions = {}): Promise<Registration> {
    const node = this.#define(input);
    const query = { service: node.service, scope: checkScope(options.scope, this) };
    const { key, clusters } = this.#locate(query, "register");
    const { ttlMs = this.#options.registration.ttlMs } = options;
    if (!(ttlMs >= minTtlMs && ttlMs <= maxTtlMs)) {
      const bounds = `from ${minTtlMs} to ${maxTtlMs}`;
      throw this.#invalid("register", `ttlMs must be a number ${bounds}, got ${String(ttlMs)}`);
    }
    const inScope = options.scope?.["clusters"] === undefined ? [] : clusters;
    if (inScope.length > 1) {
      throw this.#invalid("register", "scope.clusters must be one cluster for a registration");
    }
    const [cluster = this.#options.registration.cluster] = inScope;
    const link = this.#link(key.namespace);
    const record = new OwnRecord({ options: this.#options, link, key, cluster, ttlMs });
    record.check(node);
    return this.#register(node, { record, link, ttlMs, signal: options.signal });
  }

  async services(
    options: WithSignal & { readonly scope?: Scope | undefined } = {},
  ): Promise<readonly string[]> {
    const scope = checkScope(options.scope, this);
    const linked = this.#life.linked(options.signal);
    const { namespace, group } = this.#place(scope, "list services");
    const link = this.#link(namespace);
    const release = link.hold();
    try {
      const session = await link.session(linked);
      return [...(await session.services(group, linked))].sort();
    } finally {
      release();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#life.end(async (reason) => {
      await Promise.all([...this.#links.values()].map((link) => link.close(reason)));
      this.#access.close();
      await this.#exchange.close();
    });
  }

  #register(
    node: ServiceNode,
    how: {
      readonly record: OwnRecord;
      readonly link: Link;
      readonly ttlMs: number;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<Registration> {
    const { clock, random } = this.#options;
    const { link, ttlMs, signal } = how;
    const { put, renew, remove } = how.record;
    return this.#life.enter(async (left) => {
      const release = link.hold();
      try {
        return await keepRegistered({
          registry: this.name,
          node,
          ttlMs,
          callTimeoutMs: Math.max(minCallMs, Math.min(ttlMs / 3, 5_000)),
          signal: this.#life.linked(signal),
          clock,
          random,
          put,
          renew,
          remove,
          onClosed: (closed) => {
            left(closed);
            release();
          },
        });
      } catch (thrown) {
        release();
        throw thrown;
      }
    });
  }

  /** The node to register; without a weight of its own it gets the one other Nacos clients write. */
  #define(input: NodeInput): ServiceNode {
    const checked = defineNode(input);
    const { weight } = this.#options.registration;
    return input.weight === undefined ? defineNode({ ...checked, weight }) : checked;
  }

  #locate(
    { service, scope }: ServiceQuery,
    operation: string,
  ): { readonly key: ServiceKey; readonly clusters: readonly string[] } {
    const { namespace, group, clusters } = this.#place(scope, operation);
    const problem = problemOfName("service", service);
    if (problem !== undefined) {
      const got = JSON.stringify(service.slice(0, 80));
      throw this.#invalid(operation, `service ${problem}, got ${got}`);
    }
    return { key: { namespace, group, service }, clusters };
  }

  #place(scope: Scope | undefined, operation: string): Place {
    return placeOf(scope, this.#options.place, { registry: this.name, operation });
  }

  #link(namespace: string): Link {
    let link = this.#links.get(namespace);
    if (link === undefined) {
      const [options, access, http] = [this.#options, this.#access, this.#http];
      link = new Link({ options, access, http, namespace });
      this.#links.set(namespace, link);
    }
    return link;
  }

  #invalid(operation: string, reason: string): DiscoveryError {
    return new DiscoveryError({ code: "INVALID", registry: this.name, operation, reason });
  }
}

/** Shortest deadline of a call about a registration, in ms: a write waits until lists show it. */
const minCallMs = 3_000;
/** Time in which registrants notice that a server is back and enter themselves anew, in ms. */
const returnMs = 15_000;
/** How long servers gather changes before they push them, and some time for the push itself, in ms. */
const pushMs = 1_000;

function identityOf({ servers, place }: ResolvedOptions): string {
  const { namespace, group, clusters } = place;
  const urls = servers.map(({ origin, prefix }) => origin + prefix).sort();
  return ["nacos", ...urls, namespace, group, ...clusters].join(" ");
}

/** What we add to metadata at most, with some room. */
const ownMetadataLength = 1_024;

function traitsOf({ protocol, intervalMs, registration }: ResolvedOptions): RegistryTraits {
  const holdsAll = registration.maxMetadataLength >= maxMetadataBytes + ownMetadataLength;
  return Object.freeze({
    delivery: protocol === "http" ? "poll" : "push",
    returnMs: protocol === "http" ? returnMs + intervalMs : returnMs,
    propagationMs: protocol === "grpc" ? pushMs : Math.max(pushMs, intervalMs),
    // A watch waits for the next session, and the attempts to get one have a pace of their own.
    retryCapMs: 1_000,
    scope: scopeKeys,
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
    cannot: Object.freeze(
      holdsAll
        ? {}
        : { R19: `servers take ${registration.maxMetadataLength} characters of metadata` },
    ),
  });
}
