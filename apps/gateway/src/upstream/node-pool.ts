import type { Balancer, BalancerOptions, BalancerType } from "@rollcall/balancer";
import type { ServiceNode, ServiceQuery, ServiceView } from "@rollcall/core";

import type { NodeSource } from "../config/gateway-config.ts";
import { type AddressPolicy, allowedNodes } from "./address-policy.ts";

/** `orders`, or `orders?group_name=BLUE` where a scope is given. */
export function showQuery({ service, scope = {} }: ServiceQuery): string {
  const keys = Object.keys(scope).sort();
  if (keys.length === 0) return service;
  return `${service}?${keys.map((key) => `${key}=${scope[key]}`).join("&")}`;
}

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
  readonly #allowed: (nodes: readonly ServiceNode[]) => readonly ServiceNode[];

  constructor(parts: {
    readonly key: string;
    readonly source: NodeSource;
    readonly view: ServiceView;
    readonly type: BalancerType;
    readonly balancing: BalancerOptions;
    readonly balancer: Balancer;
    readonly policy: AddressPolicy;
  }) {
    this.key = parts.key;
    this.source = parts.source;
    this.view = parts.view;
    this.type = parts.type;
    this.balancing = parts.balancing;
    this.balancer = parts.balancer;
    this.#allowed = allowedNodes(parts.policy);
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
