import type { DiscoveryError } from "./error.ts";
import type { NodeInput, NodePatch, ServiceNode } from "./node.ts";

/**
 * Where in a registry a name is meant: namespace, group, data centre…
 *
 * Only the keys a registry lists in {@link RegistryTraits.scope} are allowed; any other is refused
 * synchronously with `INVALID`.
 */
export type Scope = Readonly<Record<string, string>>;

/** One service, as a consumer asks for it. Two equal queries share one watch. */
export interface ServiceQuery {
  /** Logical name, 1–255 characters without control characters. */
  readonly service: string;
  readonly scope?: Scope | undefined;
}

/** A stored record that could not become a node, reported beside the good ones. */
export interface RejectedRecord {
  /** The record's key in the backend: an instance id, an etcd key, a znode path. */
  readonly key: string;
  readonly error: DiscoveryError;
}

/** The whole set of one service, never a part of it. */
export interface NodeSet {
  readonly nodes: readonly ServiceNode[];
  readonly rejected?: readonly RejectedRecord[] | undefined;
}

/** Ends the call early; the promise then rejects with the signal's reason. */
export interface WithSignal {
  readonly signal?: AbortSignal | undefined;
}

/**
 * One backend and our connection to it: what an adapter package implements.
 *
 * Only core calls `read` and `watch`, and always with a signal. An adapter supplies wire calls and
 * mapping; retry, pace, dedup, sorting and freezing are core's. Making one is synchronous and quiet:
 * the first network use is the first call.
 *
 * Disposing it ends everything it started, registrations included.
 */
export interface Registry extends AsyncDisposable {
  /** Kind of backend: `eureka`, `etcd`, … */
  readonly type: string;
  /** Name in routes, metrics and errors. Default: `type`. Unique in the process. */
  readonly name: string;
  /** Type, endpoints and root, without secrets; keys the disk snapshot. */
  readonly identity: string;
  readonly traits: RegistryTraits;

  /**
   * Asks the backend once; never answers from a cache.
   *
   * @throws {@link DiscoveryError}; an unknown service is an empty set, not an error.
   */
  read(query: ServiceQuery, signal: AbortSignal): Promise<NodeSet>;

  /**
   * One attempt to follow a service: the whole set as soon as the backend answers, also when it is
   * empty, then the whole set again on each change.
   *
   * Throws when in any doubt that what it said last still holds: a broken connection, a gap, a
   * backend that seems to have lost its data. Core keeps the last good set, backs off and calls again.
   */
  watch(query: ServiceQuery, signal: AbortSignal): AsyncIterable<NodeSet>;

  /**
   * Enters a node and keeps it alive until the registration or the registry is disposed.
   *
   * Resolves when the backend has accepted it; retries while the cause is retryable.
   *
   * @throws {@link DiscoveryError} `INVALID` (synchronously), `AUTH`, `UNSUPPORTED`, `CLOSED`; the
   *   signal's reason when aborted, after which nothing is left in the backend.
   */
  register(node: NodeInput, options?: RegisterOptions): Promise<Registration>;

  /**
   * Names of the services that have a record, sorted. One answer from the backend; may be slow, so
   * never call it on a request path.
   */
  services(
    options?: WithSignal & { readonly scope?: Scope | undefined },
  ): Promise<readonly string[]>;
}

/** What a backend physically can and cannot do: data, read by core, the suite and the tables. */
export interface RegistryTraits {
  /** How changes arrive. */
  readonly delivery: "push" | "long-poll" | "poll";
  /** How long registrants need to come back after the backend lost its data, in ms. */
  readonly returnMs: number;
  /** How long consumers may take to see a change that `read` shows, in ms; reported, not enforced. */
  readonly propagationMs: number;
  /**
   * Longest wait between two watch attempts, in ms. Set it low only when `watch` itself paces its
   * wire calls while the backend is failing. Default: core's own cap.
   */
  readonly retryCapMs?: number | undefined;
  /** Scope keys this registry understands. */
  readonly scope: readonly string[];
  /** Node fields that survive a round trip through the backend. */
  readonly keeps: readonly (keyof ServiceNode)[];
  /** Conformance rule (`R13`) → why this backend cannot keep it. */
  readonly cannot: Readonly<Record<string, string>>;
}

/** Options of {@link Registry.register}. */
export interface RegisterOptions extends WithSignal {
  readonly scope?: Scope | undefined;
  /** How long the entry outlives its last heartbeat, in ms. Default: the registry's own. */
  readonly ttlMs?: number | undefined;
}

/** Where a registration stands. */
export interface RegistrationState {
  /**
   * `registered`: the backend holds it. `lost`: it does not, or we cannot tell any more; it comes back
   * by itself, except after `CONFLICT`. `closed`: deregistered or disposed.
   */
  readonly phase: "registered" | "lost" | "closed";
  /** 1 for the first entry, one more each time it had to be entered anew. */
  readonly generation: number;
  /** Why it is `lost`. */
  readonly cause?: DiscoveryError | undefined;
}

/**
 * Our own live entry in a registry.
 *
 * Iterating yields the newest {@link RegistrationState}, now and on change; a slow reader skips to the
 * newest. Disposing it deregisters.
 */
export interface Registration extends AsyncIterable<RegistrationState>, AsyncDisposable {
  /** What we want the backend to hold, with all patches applied. */
  readonly node: ServiceNode;
  readonly state: RegistrationState;
  /**
   * Changes weight, status or metadata. The change is desired at once and survives any
   * re-registration; the promise resolves when the backend has it.
   *
   * @throws {@link DiscoveryError} `INVALID` for a patch out of bounds; `CLOSED`; `CONFLICT` once another
   *   owner has the id; whatever the backend refuses the change with, `node` then being as before; the
   *   signal's reason, after which the change is still desired.
   */
  update(patch: NodePatch, options?: WithSignal): Promise<void>;
  /**
   * Marks the node `draining`, waits `drainMs`, then removes it. After it resolves nothing puts the
   * entry back. Safe to call twice.
   *
   * @default drainMs 0 (no draining phase)
   */
  deregister(options?: WithSignal & { readonly drainMs?: number | undefined }): Promise<void>;
}
