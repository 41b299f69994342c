import { showAddress } from "../address.ts";
import type { WorkerStatus } from "../front.ts";
import type { AdminView } from "./admin-view.ts";

/** The whole gateway at a glance: what the status page shows, as data. */
export interface GatewayStatus {
  readonly ready: boolean;
  readonly listen: readonly string[];
  readonly last_reload?: { readonly at: string; readonly refused?: string | undefined } | undefined;
  /** Worker processes, when there are any. */
  readonly workers?: readonly WorkerStatus[] | undefined;
  readonly services: readonly ServiceStatus[];
  readonly routes: readonly {
    readonly id: string;
    readonly uris: readonly string[];
    readonly upstream: string;
  }[];
}

/** One service that a route refers to. */
export interface ServiceStatus {
  readonly registry: string;
  readonly service: string;
  readonly state: "pending" | "fresh" | "stale";
  readonly origin: string;
  /** Since when the registry has not confirmed the nodes. */
  readonly stale_since?: string | undefined;
  readonly cause?: string | undefined;
  readonly denied: number;
  readonly rejected: number;
  readonly nodes: readonly {
    readonly id: string;
    readonly address: string;
    readonly status: string;
    readonly weight: number;
    readonly held: boolean;
    /** Left out because its requests failed, by at least one process. */
    readonly ejected: boolean;
    /** By how many worker processes, when there are any. */
    readonly ejected_workers?: number | undefined;
    /** Does not pass its active checks. */
    readonly unhealthy: boolean;
    /** New, so it gets a part of its weight, from at least one process. */
    readonly warming: boolean;
  }[];
}

/** Whether every service that a route refers to has answered once, or came from disk, and somebody serves. */
export function isReady({ state, workers }: Pick<AdminView, "state" | "workers">): boolean {
  if (workers?.serving() === 0) return false;
  return [...state.pools.values()].every(({ view }) => view.snapshot.state !== "pending");
}

/** Gathers {@link GatewayStatus}. */
export async function gatewayStatus(view: AdminView): Promise<GatewayStatus> {
  const { state, metrics, addresses, workers, health } = view;
  const { lastReload } = metrics;
  const standings = await metrics.standings();
  return {
    ready: isReady(view),
    listen: addresses.map(showAddress),
    last_reload:
      lastReload === undefined
        ? undefined
        : { at: new Date(lastReload.at).toISOString(), refused: lastReload.refused },
    workers: workers?.list(),
    services: [...state.pools.values()].map((pool): ServiceStatus => {
      const { snapshot } = pool.view;
      const { ejected, warming } = standings.of(pool.key);
      const held = new Set(snapshot.held.map(({ id }) => id));
      return {
        registry: snapshot.registry,
        service: pool.name,
        state: snapshot.state,
        origin: snapshot.origin,
        stale_since:
          snapshot.staleSince === undefined
            ? undefined
            : new Date(snapshot.staleSince).toISOString(),
        cause: snapshot.cause?.message,
        denied: pool.denied,
        rejected: snapshot.rejected.length,
        nodes: snapshot.all.map((node) => ({
          id: node.id,
          address: showAddress(node),
          status: node.status,
          weight: node.weight,
          held: held.has(node.id),
          ejected: ejected.has(node.id),
          ejected_workers: workers === undefined ? undefined : ejected.get(node.id),
          unhealthy: health.of(pool.key).has(node.id),
          warming: warming.has(node.id),
        })),
      };
    }),
    routes: state.config.routes.map(({ id, uris, upstream }) => ({
      id,
      uris,
      upstream: upstream.source.kind === "service" ? upstream.source.service : upstream.key,
    })),
  };
}
