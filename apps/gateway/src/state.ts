import { isDeepStrictEqual } from "node:util";

import { createBalancer } from "@rollcall/balancer";
import { fixedView, type ServiceView } from "@rollcall/core";
import type { AttemptOutcome } from "@rollcall/proxy";

import type {
  GatewayConfig,
  NodeSource,
  RegistryConfig,
  RouteConfig,
} from "./config/gateway-config.ts";
import type { ConnectRegistry, RegistryConnection } from "./registry-connection.ts";
import { createRouter, type Router } from "./routing/router.ts";
import { type AddressPolicy, addressPolicy, type OwnListener } from "./upstream/address-policy.ts";
import type { HealthBoard } from "./upstream/health-board.ts";
import { type NodeEvents, toldOf } from "./upstream/node-change.ts";
import { nameOf, NodePool, registryOf } from "./upstream/node-pool.ts";
import { staggered } from "./upstream/staggered.ts";
import { Upstream } from "./upstream/upstream.ts";

/** A route and the upstream it leads to. */
export interface RunningRoute extends RouteConfig {
  readonly target: Upstream;
}

/** Everything that one configuration stands for, apart from listeners. */
export interface GatewayState {
  readonly config: GatewayConfig;
  readonly registries: ReadonlyMap<string, RegistryConnection>;
  /** By key. */
  readonly pools: ReadonlyMap<string, NodePool>;
  readonly router: Router<RunningRoute>;
  readonly policy: AddressPolicy;
}

/** What building a state needs besides the configuration. */
export interface StateParts {
  readonly connect: ConnectRegistry;
  /** How far into its turn each new balancer starts, 0 to 1. Default 0. */
  readonly stagger?: number | undefined;
  readonly ownListeners: readonly OwnListener[];
  readonly onAttempt: (pool: NodePool, outcome: AttemptOutcome) => void;
  /** Told by balancers, which live on through reloads. */
  readonly nodeEvents: NodeEvents;
  /** Which nodes do not pass their active checks. */
  readonly health: HealthBoard;
}

/**
 * Builds the state of a configuration, taking over from `previous` whatever did not change: registries
 * with their watches, and balancers with their place in the turn.
 *
 * Nothing of `previous` is touched, so that it can go on serving if this throws.
 *
 * @throws DiscoveryError `INVALID` from a registry's or a view's own checks; nothing is left running.
 */
export async function buildState(
  config: GatewayConfig,
  parts: StateParts,
  previous?: GatewayState,
): Promise<GatewayState> {
  const registries = new Map<string, RegistryConnection>();
  const pools = new Map<string, NodePool>();
  const policy = addressPolicy(config.nodeAddresses, parts.ownListeners);
  const state: GatewayState = { config, registries, pools, policy, router: createRouter([]) };
  try {
    for (const one of config.registries) {
      registries.set(one.name, connection(one, config, parts.connect, previous));
    }
    const routes: RunningRoute[] = [];
    for (const route of config.routes) {
      const { key, source } = route.upstream;
      let pool = pools.get(key);
      if (pool === undefined) {
        const view = openView(key, source, registries);
        const known = previous?.pools.get(key);
        const { type, balancing } = route.upstream;
        const isSame = known?.type === type && isDeepStrictEqual(known.balancing, balancing);
        const where = { registry: registryOf(source), service: nameOf(key, source) };
        const told = toldOf(parts.nodeEvents, where, balancing);
        const balancer = isSame
          ? known.balancer
          : staggered(createBalancer(type, told), type, parts.stagger ?? 0);
        const { checks, tls } = route.upstream;
        const unhealthy = (): ReadonlySet<string> => parts.health.of(key);
        const kind = { key, source, type, balancing, checks, tls };
        pool = new NodePool({ ...kind, view, balancer, policy, unhealthy });
        pools.set(key, pool);
      }
      const target = new Upstream(route.upstream, pool, parts.onAttempt);
      routes.push({ ...route, target });
    }
    return { ...state, router: createRouter(routes) };
  } catch (error) {
    await disposeState(state, previous);
    throw error;
  }
}

/** Ends what `state` runs and `except` does not share. */
export async function disposeState(state: GatewayState, except?: GatewayState): Promise<void> {
  for (const { view } of state.pools.values()) view[Symbol.dispose]();
  const kept = new Set(except?.registries.values());
  const ending = [...state.registries.values()].filter((one) => !kept.has(one));
  await Promise.all(ending.map((one) => one[Symbol.asyncDispose]()));
}

/**
 * Resolves when every view has something to say, or after `timeoutMs`. Views that had nothing to say in
 * `previous` either are not waited for: going over takes no nodes away there.
 *
 * @throws the reason of `closing`, as soon as it fires.
 */
export async function settled(
  state: GatewayState,
  previous: GatewayState,
  timeoutMs: number,
  closing: AbortSignal,
): Promise<void> {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(timeoutMs)]);
  const silent = [...previous.pools.values()].filter(({ view }) => isPending(view));
  const awaited = [...state.pools.values()].filter(
    ({ source }) => !silent.some((other) => isDeepStrictEqual(other.source, source)),
  );
  // A registry that refuses us has said all it will: its view stays pending and carries the cause.
  await Promise.allSettled(awaited.map(({ view }) => view.ready({ signal })));
  closing.throwIfAborted();
}

function isPending(view: ServiceView): boolean {
  return view.snapshot.state === "pending";
}

function connection(
  wanted: RegistryConfig,
  config: GatewayConfig,
  connect: ConnectRegistry,
  previous: GatewayState | undefined,
): RegistryConnection {
  const known = previous?.registries.get(wanted.name);
  const sameDisk = previous?.config.snapshotDir === config.snapshotDir;
  if (known !== undefined && sameDisk && isDeepStrictEqual(known.config, wanted)) return known;
  return connect(wanted, config.snapshotDir);
}

function openView(
  key: string,
  source: NodeSource,
  registries: ReadonlyMap<string, RegistryConnection>,
): ServiceView {
  if (source.kind === "fixed") return fixedView(key, source.nodes);
  // Every name was checked against `discovery` when the configuration was resolved.
  const { service, scope } = source;
  return registries.get(source.registry)!.service({ service, scope });
}
