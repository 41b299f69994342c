import type { DiscoveryError } from "./error.ts";
import type { ServiceNode } from "./node.ts";
import type { RejectedRecord, ServiceQuery } from "./registry.ts";

/**
 * The frozen state of one service as a consumer sees it.
 *
 * `pending` knows nothing yet. `fresh` is what the registry says now: without nodes it means there are
 * none. `stale` is the last good set, with since when and why.
 */
export interface Snapshot {
  readonly query: ServiceQuery;
  /** Name of the registry it comes from; `fixed` for nodes given by hand. */
  readonly registry: string;
  /** `none` while pending, `fixed` for nodes given by hand. */
  readonly origin: "none" | "registry" | "disk" | "fixed";
  /** Grows by one with each snapshot of this view's service; starts at 0 (pending). */
  readonly sequence: number;
  /** When `all` last changed, Unix ms. */
  readonly changedAt: number;
  readonly state: "pending" | "fresh" | "stale";
  /** Since when the registry has not confirmed the set, Unix ms; only while `stale`. */
  readonly staleSince?: number | undefined;
  /** Why it is `pending` or `stale`. */
  readonly cause?: DiscoveryError | undefined;
  /** Routable nodes: `up`, weight above 0, sorted by id. The same array while nothing in it changes. */
  readonly nodes: readonly ServiceNode[];
  /** Every node of every status, held ones included, sorted by id. */
  readonly all: readonly ServiceNode[];
  /** Nodes gone from the registry that are still served, until the loss is believed. */
  readonly held: readonly ServiceNode[];
  /** Records that could not be read; the good ones are served all the same. */
  readonly rejected: readonly RejectedRecord[];
}
