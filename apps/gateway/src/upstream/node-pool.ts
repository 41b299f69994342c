import type { Balancer, BalancerOptions, BalancerType, Picked } from "@rollcall/balancer";
import type { ServiceNode, ServiceQuery, ServiceView } from "@rollcall/core";
import type { NodeTls } from "@rollcall/proxy";

import type { ActiveChecks } from "../config/active-checks.ts";
import type { NodeSource } from "../config/gateway-config.ts";
import { type AddressPolicy, allowedNodes } from "./address-policy.ts";

/** `orders`, or `orders?group_name=BLUE` where a scope is given. */
export function showQuery({ service, scope = {} }: ServiceQuery): string {
  const keys = Object.keys(scope).sort();
  if (keys.length === 0) return service;
  return `${service}?${keys.map((key) => `${key}=${scope[key]}`).join("&")}`;
}

type Skip = (node: ServiceNode) => boolean;

/** As metrics and logs name where the nodes of an upstream come from. */
export function registryOf(source: NodeSource): string {
  return source.kind === "service" ? source.registry : "fixed";
}

/** @param key  Owner of the upstream. */
export function nameOf(key: string, source: NodeSource): string {
  return source.kind === "service" ? showQuery(source) : key;
}

/** The nodes of one upstream and whose turn it is among them; shared by the routes that use it. */
export class NodePool {
  /** Owner of the upstream: `route:user`. */
  readonly key: string;
  readonly source: NodeSource;
  readonly view: ServiceView;
  readonly type: BalancerType;
  /** What stands around the algorithm. */
  readonly balancing: BalancerOptions;
  readonly balancer: Balancer;
  /** How nodes are asked whether they are well; `undefined`: they are not. */
  readonly checks: ActiveChecks | undefined;
  /** How TLS is spoken to them when they are asked; may hold a private key. */
  readonly tls: NodeTls | undefined;
  /** Ids of those that were found not to be well. */
  readonly #unhealthy: () => ReadonlySet<string>;
  /** Of the running pick. */
  #skip: Skip | undefined;
  #out: ReadonlySet<string> | undefined;
  readonly #skipUnhealthy: Skip = (node) =>
    this.#out?.has(node.id) === true || this.#skip?.(node) === true;
  readonly #allowed: (nodes: readonly ServiceNode[]) => readonly ServiceNode[];

  constructor(parts: {
    readonly key: string;
    readonly source: NodeSource;
    readonly view: ServiceView;
    readonly type: BalancerType;
    readonly balancing: BalancerOptions;
    readonly balancer: Balancer;
    readonly policy: AddressPolicy;
    readonly checks: ActiveChecks | undefined;
    readonly tls: NodeTls | undefined;
    readonly unhealthy: () => ReadonlySet<string>;
  }) {
    this.key = parts.key;
    this.source = parts.source;
    this.view = parts.view;
    this.type = parts.type;
    this.balancing = parts.balancing;
    this.balancer = parts.balancer;
    this.checks = parts.checks;
    this.tls = parts.tls;
    this.#unhealthy = parts.unhealthy;
    this.#allowed = allowedNodes(parts.policy);
  }

  /** Chooses a node; an unhealthy one only when the request could go nowhere else. */
  pick(key: string | undefined, skip: Skip | undefined): Picked | undefined {
    const { nodes } = this;
    const out = this.checks === undefined ? undefined : this.#unhealthy();
    if (out === undefined || out.size === 0) return this.balancer.pick(nodes, key, skip);
    this.#out = out;
    this.#skip = skip;
    const picked = this.balancer.pick(nodes, key, this.#skipUnhealthy);
    this.#skip = undefined;
    return picked ?? this.balancer.pick(nodes, key, skip);
  }

  /** Service name; `undefined` for fixed nodes. */
  get service(): string | undefined {
    return this.source.kind === "service" ? this.source.service : undefined;
  }

  /** The service, and where it is meant unless that is the usual place; the owner's key for fixed nodes. */
  get name(): string {
    return nameOf(this.key, this.source);
  }

  /** Name of the registry; `fixed` for fixed nodes. */
  get registry(): string {
    return registryOf(this.source);
  }

  /** Routable nodes that may be connected to; the same array while nothing in it changes. */
  get nodes(): readonly ServiceNode[] {
    return this.#allowed(this.view.nodes);
  }

  /** How many routable nodes the address rules keep out. */
  get denied(): number {
    return this.view.nodes.length - this.nodes.length;
  }
}
