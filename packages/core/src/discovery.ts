import { type Clock, systemClock } from "./adapter/clock.ts";
import { optionChecks, show } from "./adapter/option-checks.ts";
import { Cell, type CellOptions } from "./cell.ts";
import { DiskCopy } from "./disk-copy.ts";
import { DiskStore } from "./disk-store.ts";
import { DiscoveryError } from "./error.ts";
import { LiveView } from "./live-view.ts";
import { checkQuery, queryKey } from "./query.ts";
import type { Registry, ServiceQuery } from "./registry.ts";
import type { ServiceView } from "./view.ts";

/** Options of {@link createDiscovery}. */
export interface DiscoveryOptions {
  /**
   * Rule R3: hold nodes that vanish all at once until a read confirms it. `windowMs`: how far back the
   * peak is looked for (default 60 000). `returnMs`: how long nodes are held after an outage (default:
   * the registry's `traits.returnMs`).
   *
   * @default on
   */
  readonly protection?:
    | "off"
    | { readonly windowMs?: number | undefined; readonly returnMs?: number | undefined }
    | undefined;
  /** Directory for the memory of last time; made when missing. Default: none. */
  readonly snapshotDir?: string | undefined;
  /** Last time's set is not shown when it is older than this, in ms. Default: whatever its age. */
  readonly snapshotMaxAgeMs?: number | undefined;
  /** How long the registry has to answer before last time's set is shown, in ms. Default 200. */
  readonly snapshotDelayMs?: number | undefined;
  /** Waits between two watch attempts: full jitter up to `capMs`. Defaults 100 and 30 000. */
  readonly backoff?:
    | { readonly baseMs?: number | undefined; readonly capMs?: number | undefined }
    | undefined;
  /** Wait after `AUTH`, `INVALID` or `UNSUPPORTED`, in ms: half of it to all of it. Default 30 000. */
  readonly refusedMs?: number | undefined;
  /** Deadline of one read that verifies a loss, in ms. Default 10 000. */
  readonly readTimeoutMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

/** The consumer side of one registry: opens views, runs and repairs watches. */
export interface Discovery extends AsyncDisposable {
  /**
   * Opens a view. Views of equal queries share one watch.
   *
   * @throws {@link DiscoveryError} `INVALID` at once for a query the registry cannot mean; `CLOSED`
   *   after the discovery was disposed.
   */
  service(query: string | ServiceQuery): ServiceView;
}

interface Shared {
  readonly cell: Cell;
  readonly views: Set<LiveView>;
}

/**
 * Makes the consumer side of a registry. Quiet until the first view is opened.
 *
 * Disposing it disposes its views and resolves when nothing of it runs; the registry stays yours.
 *
 * @throws {@link DiscoveryError} `INVALID` for an option out of bounds.
 */
export function createDiscovery(registry: Registry, options: DiscoveryOptions = {}): Discovery {
  const resolved = resolve(registry, options);
  const { clock } = resolved;
  const store =
    options.snapshotDir === undefined ? undefined : new DiskStore(options.snapshotDir, registry);
  const { snapshotDelayMs: delayMs = 200, snapshotMaxAgeMs: maxAgeMs = Infinity } = options;
  const shared = new Map<string, Shared>();
  const stopping = new Set<Promise<void>>();
  let closed = false;

  function open(key: string, query: ServiceQuery): Shared {
    const disk =
      store === undefined
        ? undefined
        : new DiskCopy({ store, query, registry: registry.name, clock, delayMs, maxAgeMs });
    const entry: Shared = { cell: new Cell(registry, query, resolved, disk), views: new Set() };
    shared.set(key, entry);
    return entry;
  }

  function leave(key: string, entry: Shared, view: LiveView): void {
    entry.views.delete(view);
    if (entry.views.size > 0) return;
    if (shared.get(key) === entry) shared.delete(key);
    const stopped = entry.cell.stop().finally(() => stopping.delete(stopped));
    stopping.add(stopped);
  }

  return {
    service(given) {
      const query = checkQuery(given, registry);
      if (closed) {
        throw new DiscoveryError({
          code: "CLOSED",
          registry: registry.name,
          operation: `open ${query.service}`,
          reason: "the discovery is disposed",
        });
      }
      const key = queryKey(query);
      const entry = shared.get(key) ?? open(key, query);
      const view: LiveView = new LiveView(entry.cell.live, () => leave(key, entry, view));
      entry.views.add(view);
      return view;
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      for (const { views } of shared.values()) for (const view of views) view[Symbol.dispose]();
      await Promise.all(stopping);
    },
  };
}

function resolve(registry: Registry, given: DiscoveryOptions): CellOptions {
  const { section, callback, invalid } = optionChecks(registry.name, "create discovery");
  const options = section<DiscoveryOptions>("options", given, {
    protection: true,
    snapshotDir: true,
    snapshotMaxAgeMs: true,
    snapshotDelayMs: true,
    backoff: true,
    refusedMs: true,
    readTimeoutMs: true,
    clock: true,
    random: true,
  });
  const backoff = section("backoff", options.backoff, { baseMs: true, capMs: true });
  const { protection, snapshotDir } = options;
  const check = (
    field: string,
    value: number | undefined,
    fallback: number,
    leastMs = 0,
  ): number => {
    const chosen = value ?? fallback;
    if (typeof chosen !== "number" || !(chosen >= leastMs)) {
      throw invalid(`${field} must be a number of ms >= ${leastMs}, got ${show(chosen)}`);
    }
    return chosen;
  };
  if (protection !== undefined && protection !== "off" && typeof protection !== "object") {
    throw invalid(`protection must be "off" or an object, got ${show(protection)}`);
  }
  const held = protection === "off" ? undefined : protection;
  section("protection", held, { windowMs: true, returnMs: true });
  if (snapshotDir !== undefined && (typeof snapshotDir !== "string" || snapshotDir === "")) {
    throw invalid("snapshotDir must be the path of a directory, a string that is not empty");
  }
  check("snapshotDelayMs", options.snapshotDelayMs, 200);
  check("snapshotMaxAgeMs", options.snapshotMaxAgeMs, 0);
  return Object.freeze({
    protection:
      protection === "off"
        ? undefined
        : Object.freeze({
            windowMs: check("protection.windowMs", held?.windowMs, 60_000, 1),
            returnMs: check("protection.returnMs", held?.returnMs, registry.traits.returnMs),
          }),
    backoff: Object.freeze({
      // No wait at all would make a registry that is down a hot loop.
      baseMs: check("backoff.baseMs", backoff.baseMs, 100, 1),
      capMs: check("backoff.capMs", backoff.capMs, 30_000, 1),
    }),
    refusedMs: check("refusedMs", options.refusedMs, 30_000, 1),
    readTimeoutMs: check("readTimeoutMs", options.readTimeoutMs, 10_000, 1),
    clock: options.clock ?? systemClock,
    random: callback("random", options.random, Math.random),
  });
}
