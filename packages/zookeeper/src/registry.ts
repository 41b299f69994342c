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
import { checkScope, holdProcess, keepRegistered, RegistryLifetime } from "@rollcall/core/adapter";

import { eachBounded } from "./bounded.ts";
import { serverName } from "./client/server-list.ts";
import {
  maxSessionMs,
  minSessionMs,
  type ResolvedOptions,
  resolveOptions,
  type ZookeeperOptions,
} from "./options.ts";
import { OwnRecord } from "./own-record.ts";
import { ParentZnodes } from "./parent-znodes.ts";
import { Removals } from "./removals.ts";
import { type ReaderOptions, ServiceReader } from "./service-reader.ts";
import { SessionPool } from "./session-pool.ts";
import { watchService } from "./watch-service.ts";
import { recordPath, type Root, servicePath } from "./znode-path.ts";

/**
 * A ZooKeeper ensemble as a registry. Opens no connection before it is used.
 *
 * @throws {@link DiscoveryError} `INVALID`, naming the option, its value and what it must be.
 */
export function zookeeperRegistry(options: ZookeeperOptions): Registry {
  return new ZookeeperRegistry(resolveOptions(options));
}

/** Services asked for at once. */
const maxLooks = 128;
/**
 * Upper bound of the pace at which registrations are looked after, in ms. A look costs nothing while the session
 * lives, and what is lost comes back with the next one.
 */
const paceMs = 3_000;

class ZookeeperRegistry implements Registry {
  readonly type = "zookeeper";
  readonly name: string;
  readonly identity: string;
  readonly traits: RegistryTraits;
  readonly #options: ResolvedOptions;
  readonly #root: Root;
  readonly #sessions: SessionPool;
  readonly #parents: ParentZnodes;
  readonly #removals: Removals;
  readonly #holders = new Map<string, OwnRecord>();
  readonly #life: RegistryLifetime;

  constructor(options: ResolvedOptions) {
    const { name, servers, root, codec, acl } = options;
    this.#options = options;
    this.name = name;
    this.#life = new RegistryLifetime(this.name);
    const where = `${servers.map(serverName).sort().join(",")}${root || "/"}`;
    this.identity = `zookeeper ${where} ${codec.name}`;
    this.traits = traitsOf(options);
    this.#root = { registry: name, path: root };
    this.#sessions = new SessionPool({
      ...options,
      registry: name,
      timeoutMs: options.sessionTimeoutMs,
    });
    this.#parents = new ParentZnodes(name, root, acl);
    this.#removals = new Removals(this.#life.signal);
  }

  async read(query: ServiceQuery, signal: AbortSignal): Promise<NodeSet> {
    const linked = this.#life.linked(signal);
    const options = this.#readerOf(query.service, "read");
    const link = await this.#sessions.shared.link(linked);
    const reader = new ServiceReader(options);
    // A server may lag behind the others.
    link.catchUp(options.path, linked);
    await reader.refresh(link, linked, false);
    return reader.set();
  }

  async *watch(query: ServiceQuery, signal: AbortSignal): AsyncGenerator<NodeSet, void, void> {
    const linked = this.#life.linked(signal);
    const options = this.#readerOf(query.service, "watch");
    const link = await this.#sessions.shared.link(linked);
    yield* watchService(link, options, linked);
  }

  register(input: NodeInput, options: RegisterOptions = {}): Promise<Registration> {
    const node = defineNode(input);
    const path = recordPath(this.#root, node, "register");
    checkScope(options.scope, this);
    const { ttlMs } = options;
    if (ttlMs !== undefined && !(ttlMs >= minSessionMs && ttlMs <= maxSessionMs)) {
      const bounds = `from ${minSessionMs} to ${maxSessionMs}`;
      throw this.#invalid("register", `ttlMs must be a number ${bounds}, got ${String(ttlMs)}`);
    }
    return this.#register(node, path, options);
  }

  async services(
    options: WithSignal & { readonly scope?: Scope | undefined } = {},
  ): Promise<readonly string[]> {
    checkScope(options.scope, this);
    const linked = this.#life.linked(options.signal);
    const link = await this.#sessions.shared.link(linked);
    const base = this.#root.path;
    link.catchUp(base || "/", linked);
    const found: string[] = [];
    await eachBounded((await link.list(base || "/", linked)) ?? [], maxLooks, async (name) => {
      const stat = await link.exists(`${base}/${name}`, linked);
      if ((stat?.numChildren ?? 0) > 0 && !(base === "" && name === "zookeeper")) found.push(name);
    });
    return found.sort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    const release = holdProcess();
    return this.#life.end(() => this.#sessions.close()).finally(release);
  }

  #register(
    node: ServiceNode,
    path: string,
    { ttlMs, signal }: RegisterOptions,
  ): Promise<Registration> {
    const { codec, acl, requestTimeoutMs, sessionTimeoutMs } = this.#options;
    return this.#life.enter((left) => {
      const linked = this.#life.linked(signal);
      const { session, release } = this.#sessions.take(
        ttlMs === undefined ? undefined : Math.ceil(ttlMs),
      );
      const record = new OwnRecord({
        registry: this.name,
        session,
        codec,
        acl,
        parents: this.#parents,
        path,
        holders: this.#holders,
      });
      const { put, change, renew } = record;
      return keepRegistered({
        registry: this.name,
        node,
        ttlMs: Math.min(ttlMs ?? sessionTimeoutMs, paceMs),
        callTimeoutMs: requestTimeoutMs,
        signal: linked,
        put,
        change,
        renew,
        remove: (held, own) => this.#removals.remove(record, held, own, release),
        onClosed: (closed) => {
          left(closed);
          // What belongs to another is not removed.
          if (closed.state.cause?.code !== "CONFLICT") return;
          record.leave();
          release();
        },
      });
    });
  }

  #readerOf(service: string, verb: string): ReaderOptions {
    const { codec, weight } = this.#options;
    const path = servicePath(this.#root, service, verb);
    return { registry: this.name, service, path, codec, weight };
  }

  #invalid(operation: string, reason: string): DiscoveryError {
    return new DiscoveryError({ code: "INVALID", registry: this.name, operation, reason });
  }
}

/** Time for registrants that lost their session to find a server and to enter again, in ms. */
const returnSlackMs = 5_000;
/** What the servers of an ensemble may lag behind each other, in ms. */
const spreadMs = 1_000;

function traitsOf({ sessionTimeoutMs, codec }: ResolvedOptions): RegistryTraits {
  return Object.freeze({
    delivery: "push",
    // A registrant notices the loss of its connection within its session.
    returnMs: sessionTimeoutMs + returnSlackMs,
    propagationMs: spreadMs,
    // The session paces the connections; watches only wait for it.
    retryCapMs: 1_000,
    scope: Object.freeze([]),
    keeps: codec.keeps,
    cannot: Object.freeze({}),
  });
}
