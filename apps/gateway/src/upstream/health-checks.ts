import { isDeepStrictEqual } from "node:util";

import type { GatewayState } from "../state.ts";
import { ActiveCheck } from "./active-check.ts";
import type { HealthBoard } from "./health-board.ts";
import { changeTeller, type NodeChange } from "./node-change.ts";
import type { NodePool } from "./node-pool.ts";
import type { ProbeResult } from "./probe.ts";

/** Who is told what checks find. */
export interface HealthEvents {
  checked(registry: string, service: string, result: ProbeResult): void;
  changed(change: NodeChange): void;
}

/** The active checks of all upstreams that want them; what they find stands on the board. */
export class HealthChecks {
  readonly #board: HealthBoard;
  readonly #events: HealthEvents;
  /** By the key of the upstream. */
  readonly #running = new Map<string, { readonly check: ActiveCheck; readonly of: NodePool }>();

  constructor(board: HealthBoard, events: HealthEvents) {
    this.#board = board;
    this.#events = events;
  }

  /** Checks what this state wants checked. Upstreams whose checks did not change keep what is known. */
  follow({ pools, policy }: Pick<GatewayState, "pools" | "policy">): void {
    for (const [key, { of: before }] of this.#running) {
      const { checks, source } = pools.get(key) ?? {};
      if (isDeepStrictEqual([checks, source], [before.checks, before.source])) continue;
      this.#end(key);
    }
    for (const [key, pool] of pools) {
      if (pool.checks === undefined) continue;
      let check = this.#running.get(key)?.check;
      if (check === undefined) {
        const { registry, name: service } = pool;
        const tell = changeTeller((change) => this.#events.changed(change), { registry, service });
        check = new ActiveCheck(pool.checks, {
          checked: (result) => this.#events.checked(registry, service, result),
          changed: (node, isWell, cause) =>
            tell(node, isWell ? { change: "healthy" } : { change: "unhealthy", cause }),
          unhealthy: (ids) => this.#board.set(key, ids),
        });
      }
      this.#running.set(key, { check, of: pool });
      check.follow(pool, { tls: pool.tls, policy });
    }
  }

  /** Asks nobody any more; the board stays as it is, for requests that are still to end. */
  stop(): void {
    for (const { check } of this.#running.values()) check.stop();
    this.#running.clear();
  }

  #end(key: string): void {
    this.#running.get(key)?.check.stop();
    this.#running.delete(key);
    this.#board.set(key, []);
  }
}
