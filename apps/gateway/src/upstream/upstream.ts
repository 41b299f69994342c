import { hashKey } from "@rollcall/balancer";
import type { ServiceNode } from "@rollcall/core";
import type { Attempt, AttemptOutcome, Forward, RequestHead, UpstreamNode } from "@rollcall/proxy";

import type { UpstreamConfig } from "../config/gateway-config.ts";
import { variable } from "../routing/variables.ts";
import type { NodePool } from "./node-pool.ts";

/** What one route forwards to: a pool of nodes, and how to try them. */
export class Upstream {
  readonly config: UpstreamConfig;
  readonly pool: NodePool;
  readonly #onAttempt: (pool: NodePool, outcome: AttemptOutcome) => void;
  /** Nodes as TLS is spoken to them: always the same object, for the engine finds connections by it. */
  readonly #secured = new WeakMap<ServiceNode, ServiceNode>();

  /** @param onAttempt  Told once per finished attempt. */
  constructor(
    config: UpstreamConfig,
    pool: NodePool,
    onAttempt: (pool: NodePool, outcome: AttemptOutcome) => void,
  ) {
    this.config = config;
    this.pool = pool;
    this.#onAttempt = onAttempt;
  }

  /** Forwards a request to one node after the other. */
  forward(request: {
    readonly target: string | undefined;
    readonly host: string | undefined;
    readonly context: unknown;
    readonly head: RequestHead;
    /** Whether the client may switch to WebSocket. */
    readonly upgrade: boolean;
  }): Forward {
    const { config } = this;
    const { hash } = config;
    const key =
      hash === undefined ? undefined : hashKey(hash, (name) => variable(request.head, name));
    return {
      kind: "forward",
      pick: (tried) => this.#pick(tried, key),
      target: request.target,
      host: request.host === undefined ? config.host : { value: request.host },
      timeouts: config.timeouts,
      tls: config.tls,
      retries: config.retries ?? Math.max(0, this.pool.nodes.length - 1),
      retryTimeoutMs: config.retryTimeoutMs,
      upgrade: request.upgrade,
      context: request.context,
    };
  }

  #pick(tried: readonly UpstreamNode[], key: string | undefined): Attempt | undefined {
    const skip =
      tried.length === 0
        ? undefined
        : (node: ServiceNode) =>
            tried.some((other) => other.host === node.host && other.port === node.port);
    const picked = this.pool.pick(key, skip);
    if (picked === undefined) return undefined;
    const { node } = picked;
    return {
      node: this.config.secure && !node.secure ? this.#securedOf(node) : node,
      done: (outcome, elapsedMs) => {
        picked.done(outcome, elapsedMs);
        this.#onAttempt(this.pool, outcome);
      },
    };
  }
  #securedOf(node: ServiceNode): ServiceNode {
    let secured = this.#secured.get(node);
    if (secured === undefined) {
      secured = { ...node, secure: true };
      this.#secured.set(node, secured);
    }
    return secured;
  }
}
