import { isIPv6 } from "node:net";

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
import { checkScope, keepRegistered, RegistryLifetime, show } from "@rollcall/core/adapter";

import { appKey } from "./apps.ts";
import { EurekaClient } from "./client.ts";
import { createDecoder, type Decoder } from "./node-set.ts";
import {
  type EurekaOptions,
  maxDurationMs,
  minDurationMs,
  type ResolvedOptions,
  resolveOptions,
} from "./options.ts";
import { OwnRecord } from "./own-record.ts";
import { Poller } from "./poller.ts";

/**
 * A cluster of Eureka servers as a registry. Opens no connection before it is used.
 *
 * A node's `service` is spelled as the server spells it, in upper case; names match without regard to
 * case, as they do in Eureka.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the option, its value and what it must be.
 */
export function eurekaRegistry(options: EurekaOptions): Registry {
  return new EurekaRegistry(resolveOptions(options));
}

class EurekaRegistry implements Registry {
  readonly type = "eureka";
  readonly name: string;
  readonly identity: string;
  readonly traits: RegistryTraits;
  readonly #options: ResolvedOptions;
  readonly #client: EurekaClient;
  readonly #poller: Poller;
  readonly #decoder: Decoder;
  readonly #life: RegistryLifetime;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.name = options.name;
    this.#life = new RegistryLifetime(this.name);
    this.identity = [
      "eureka",
      ...options.servers.map(({ url }) => url).sort(),
      ...options.regions.toSorted(),
    ].join(" ");
    this.traits = traitsOf(options);
    this.#client = new EurekaClient(options);
    this.#poller = new Poller(this.#client, options);
    this.#decoder = createDecoder(options.name, options.weight);
  }

  async read(query: ServiceQuery, signal: AbortSignal): Promise<NodeSet> {
    const linked = this.#life.linked(signal);
    this.#checkName("service", query.service, "read");
    const app = await this.#client.readApp(appKey(query.service), linked);
    return this.#decoder.decode(app, new Map());
  }

  async *watch(query: ServiceQuery, signal: AbortSignal): AsyncGenerator<NodeSet, void, void> {
    const linked = this.#life.linked(signal);
    this.#checkName("service", query.service, "watch");
    yield* this.#poller.watch(query.service, linked);
  }

  register(input: NodeInput, options: RegisterOptions = {}): Promise<Registration> {
    const node = this.#define(input);
    checkScope(options.scope, this);
    const { ttlMs } = options;
    const isRight = typeof ttlMs === "number" && ttlMs >= minDurationMs && ttlMs <= maxDurationMs;
    if (ttlMs !== undefined && !isRight) {
      const bounds = `from ${minDurationMs} to ${maxDurationMs}`;
      throw this.#invalid("register", `ttlMs must be a number ${bounds}, got ${show(ttlMs)}`);
    }
    return this.#register(node, options);
  }

  async services(
    options: WithSignal & { readonly scope?: Scope | undefined } = {},
  ): Promise<readonly string[]> {
    checkScope(options.scope, this);
    const linked = this.#life.linked(options.signal);
    const { apps } = await this.#client.readAll(linked);
    const names = [...apps.byName.values()].filter(({ instances }) => instances.size > 0);
    return names.map(({ name }) => name).sort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#life.end(() => this.#client.close());
    this.#poller.close();
    return ended;
  }

  #register(node: ServiceNode, { ttlMs, signal }: RegisterOptions): Promise<Registration> {
    const { clock, random, instance, connectMs, sendMs, readMs } = this.#options;
    const renewalIntervalMs = ttlMs === undefined ? this.#options.renewalIntervalMs : ttlMs / 3;
    const durationMs = ttlMs ?? this.#options.durationMs;
    const { put, change, renew, remove } = new OwnRecord({
      client: this.#client,
      registry: this.name,
      clock,
      instance,
      renewalIntervalMs,
      durationMs,
    });
    return this.#life.enter((onClosed) =>
      keepRegistered({
        registry: this.name,
        node,
        // Heartbeats come at a third of this.
        ttlMs: 3 * renewalIntervalMs,
        callTimeoutMs: Math.min(renewalIntervalMs, connectMs + sendMs + readMs),
        signal: this.#life.linked(signal),
        clock,
        random,
        put,
        change,
        renew,
        remove,
        onClosed,
      }),
    );
  }

  /** The node to register; without an id of its own it gets the one Spring would build. */
  #define(input: NodeInput): ServiceNode {
    const checked = defineNode(input);
    const { host, port, service } = checked;
    const name = this.#options.instance.hostName ?? checked.hostname ?? host;
    const id = input.id ?? `${isIPv6(name) ? `[${name}]` : name}:${service}:${port}`;
    const node = defineNode({ ...checked, id });
    this.#checkName("service", node.service, "register");
    this.#checkName("id", node.id, "register");
    return node;
  }

  /** Servers refuse a path with an encoded slash, so such a name could be entered and never renewed. */
  #checkName(field: "service" | "id", name: string, verb: string): void {
    if (/[/\\]/.test(name) || name === "." || name === ".." || !name.isWellFormed()) {
      throw this.#invalid(
        verb,
        `${field} must be without / and \\ for Eureka, got ${JSON.stringify(name.slice(0, 80))}`,
      );
    }
  }

  #invalid(operation: string, reason: string): DiscoveryError {
    return new DiscoveryError({ code: "INVALID", registry: this.name, operation, reason });
  }
}

/** Time for re-registrations to be processed after a heartbeat learned that the record is gone, in ms. */
const returnSlackMs = 5_000;

function traitsOf({ intervalMs, renewalIntervalMs }: ResolvedOptions): RegistryTraits {
  return Object.freeze({
    delivery: "poll",
    // A registrant learns of a loss with its next heartbeat, and we of its return with our next poll.
    returnMs: renewalIntervalMs + intervalMs + returnSlackMs,
    // Once a read shows a change, consumers see it with their next poll.
    propagationMs: intervalMs,
    // The poller paces its calls itself; a watch that is called again only waits for its next answer.
    retryCapMs: Math.min(intervalMs, 1_000),
    scope: Object.freeze([]),
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
    cannot: Object.freeze({}),
  });
}
