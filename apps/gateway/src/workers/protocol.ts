import type { ErrorCode, ServiceNode, ServiceQuery, Snapshot } from "@rollcall/core";
import type { ListenAddress } from "@rollcall/proxy";

import type { ConfigFiles } from "../config/gateway-config.ts";
import type { NumbersTaken } from "../metrics/metrics-contract.ts";
import type { ProcessFigures } from "../metrics/process-figures.ts";
import type { NodeChange } from "../upstream/node-change.ts";
import type { Standing } from "../upstream/standing.ts";

/*
 * What the primary and its workers say to each other: JSON over the channel that Node opens with a child.
 * The channel keeps its order and loses nothing; both sides are the same program.
 */

/** One configuration, as a worker is told to build it. */
export interface Order {
  /** Grows with each order; 1 is the first. */
  readonly generation: number;
  /** The very text that the primary has checked, so that a file written meanwhile changes nothing. */
  readonly files: ConfigFiles;
  /** Ports of `listen`, in order, where the file says 0. */
  readonly ports: readonly number[];
  /** What the primary itself listens on. */
  readonly own: readonly ListenAddress[];
  /** Number of the connection behind each name of `discovery`; the same number: the same connection. */
  readonly registries: Readonly<Record<string, number>>;
  /** From 0: which of `workers` this one is. */
  readonly worker: number;
  readonly workers: number;
}

/** What changed in a view since the message before. */
export interface ViewChange {
  readonly kind: "view";
  readonly view: number;
  /** Grows by one with each message of this view. */
  readonly version: number;
  /** The version this one builds on; 0: on nothing, `put` is the whole set. */
  readonly base: number;
  readonly snapshot: Pick<Snapshot, "origin" | "sequence" | "changedAt" | "state" | "staleSince">;
  readonly cause?: CauseText | undefined;
  /** New and changed nodes, sorted by id. */
  readonly put: readonly ServiceNode[];
  /** Ids, sorted. */
  readonly removed: readonly string[];
}

/** A DiscoveryError as text. */
export interface CauseText {
  readonly code: ErrorCode;
  readonly registry: string;
  readonly operation: string;
  readonly reason: string;
}

/** From the primary to a worker. */
export type ToWorker =
  | { readonly kind: "prepare"; readonly order: Order }
  /** All workers have built it: go over. */
  | { readonly kind: "commit"; readonly generation: number }
  /** Somebody could not build it: forget it. */
  | { readonly kind: "abandon"; readonly generation: number }
  | ViewChange
  /** What tickets of TLS sessions are sealed with from now on, as base64. */
  | { readonly kind: "tickets"; readonly secret: string }
  /** Nodes of an upstream that do not pass their active checks, by id. */
  | { readonly kind: "health"; readonly upstream: string; readonly unhealthy: readonly string[] }
  /** Say what was counted, now. */
  | { readonly kind: "count"; readonly asked: number }
  | { readonly kind: "stop"; readonly drainMs: number };

/** From a worker to the primary. */
export type ToPrimary =
  | { readonly kind: "hello" }
  | {
      readonly kind: "prepared";
      readonly generation: number;
      readonly addresses: readonly ListenAddress[];
    }
  | { readonly kind: "refused"; readonly generation: number; readonly refusal: Refusal }
  | { readonly kind: "committed"; readonly generation: number }
  | {
      readonly kind: "open";
      readonly view: number;
      readonly registry: number;
      readonly query: ServiceQuery;
    }
  | { readonly kind: "close"; readonly view: number }
  /** Room for the next change of this view. `fits`: whether this one did; otherwise the whole set is due. */
  | { readonly kind: "seen"; readonly view: number; readonly fits: boolean }
  | {
      readonly kind: "counted";
      /** The question this answers; 0 when nobody asked. */
      readonly asked: number;
      readonly numbers: NumbersTaken;
      readonly inFlight: number;
      readonly process: ProcessFigures;
      /** Given when somebody asked. */
      readonly standings?: readonly Standing[] | undefined;
    }
  | { readonly kind: "node"; readonly change: NodeChange }
  /** Somebody told this worker alone to end: it takes no more connections. */
  | { readonly kind: "leaving" };

/** Why a worker did not build what it was told to. */
export interface Refusal {
  readonly message: string;
  /** Place in `listen` and system error code of an address that could not be opened. */
  readonly listen?: { readonly index: number; readonly code: string } | undefined;
}
