import { createBackoff, sleep, systemClock, type Backoff } from "@rollcall/core/adapter";
import type { Logger } from "pino";

import type { WorkerStatus } from "../front.ts";
import type { Order } from "./protocol.ts";
import { type WorkerListener, WorkerProcess } from "./worker-process.ts";

/** Shortest wait before a worker that ended is replaced, in ms: a signal to the whole group gets here first. */
const leastRespawnMs = 50;

/** One place among the workers and who has it. */
export interface Place {
  readonly index: number;
  readonly backoff: Backoff;
  worker: WorkerProcess | undefined;
  servingSinceMs: number | undefined;
  isMending: boolean;
}

/** What the places need to know of the pool they are in. */
export interface PlacesParts {
  readonly log: Logger;
  readonly listener: WorkerListener;
  /** What a worker builds that takes an empty place. */
  readonly order: () => Omit<Order, "worker">;
  /** Runs after, and before, everything else that changes places. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Aborts when nobody is to be replaced any more. */
  readonly stopping: AbortSignal;
}

/** The places that workers have, and those who left theirs; a place that gets empty is filled again. */
export class Places {
  readonly #parts: PlacesParts;
  readonly #places: Place[] = [];
  /** Replaced, or no longer wanted: they serve what they have. */
  readonly #leaving = new Set<WorkerProcess>();
  #restarts = 0;
  /** Whether the first workers are being started: then an end is a failure, not a thing to mend. */
  isStarting = false;

  constructor(parts: PlacesParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#places.length;
  }

  get serving(): number {
    return this.#places.filter(({ servingSinceMs }) => servingSinceMs !== undefined).length;
  }

  /** Workers that took the place of one that ended. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Those that have a place, and those that left theirs. */
  get workers(): readonly WorkerProcess[] {
    const placed = this.#places.map(({ worker }) => worker).filter((one) => one !== undefined);
    return [...placed, ...this.#leaving];
  }

  first(count: number): readonly Place[] {
    return this.#places.slice(0, count);
  }

  isLeaving(worker: WorkerProcess): boolean {
    return this.#leaving.has(worker);
  }

  list(): readonly WorkerStatus[] {
    const placed = this.#places.flatMap(({ worker, servingSinceMs }): readonly WorkerStatus[] => {
      const state = servingSinceMs === undefined ? "starting" : "serving";
      return worker === undefined ? [] : [{ ...named(worker), state }];
    });
    return [
      ...placed,
      ...[...this.#leaving].map((one) => ({ ...named(one), state: "leaving" as const })),
    ];
  }

  /** One more place, with a worker that was not told anything yet. */
  add(): Place {
    const index = this.#places.length;
    const place: Place = {
      index,
      backoff: createBackoff({ baseMs: 200, capMs: 30_000, healthyMs: 10_000 }),
      worker: undefined,
      servingSinceMs: undefined,
      isMending: false,
    };
    this.#places.push(place);
    place.worker = new WorkerProcess(index, this.#parts.listener);
    return place;
  }

  /** Takes places away; who has them finishes what it serves. */
  retire(keep: number, drainMs: number): void {
    for (const { worker } of this.#places.splice(keep)) {
      if (worker === undefined) continue;
      this.#leaving.add(worker);
      worker.post({ kind: "stop", drainMs });
    }
  }

  /** Takes places away that never served. */
  drop(keep: number): void {
    for (const { worker } of this.#places.splice(keep)) worker?.kill();
  }

  /** Somebody told this worker alone to end. */
  onLeaving(worker: WorkerProcess): void {
    if (this.#leaving.has(worker)) return;
    const place = this.#placeOf(worker);
    if (place === undefined) return;
    this.#parts.log.info(named(worker), "worker was told to end; another takes its place");
    this.#leaving.add(worker);
    place.worker = undefined;
    void this.#mend(place);
  }

  onExit(worker: WorkerProcess, how: string): void {
    this.#leaving.delete(worker);
    const place = this.#placeOf(worker);
    if (place === undefined || this.#parts.stopping.aborted || this.isStarting) return;
    this.#parts.log.error(named(worker), `worker ${how}`);
    place.worker = undefined;
    void this.#mend(place);
  }

  /**
   * Cannot be refused any more: who does not go over is replaced by one that does. One that was told to end
   * meanwhile is being replaced, and finishes what it serves.
   */
  async commit(place: Place, generation: number): Promise<void> {
    const { worker } = place;
    if (worker === undefined) return;
    try {
      await worker.commit(generation);
      if (place.worker === worker) place.servingSinceMs ??= performance.now();
    } catch (error) {
      if (this.#leaving.has(worker)) return;
      this.#giveUp(place, worker, "worker did not go over", error);
      void this.#mend(place);
    }
  }

  /** Gives a place a worker again, however often that takes. */
  async #mend(place: Place): Promise<void> {
    const { stopping, inTurn } = this.#parts;
    const servedMs =
      place.servingSinceMs === undefined ? 0 : performance.now() - place.servingSinceMs;
    place.servingSinceMs = undefined;
    if (place.isMending || this.isStarting) return;
    place.isMending = true;
    try {
      let waitMs = place.backoff.failed(servedMs);
      for (;;) {
        await sleep(leastRespawnMs + waitMs, stopping, systemClock);
        if (await inTurn(() => this.#refill(place))) return;
        waitMs = place.backoff.failed();
      }
    } catch (error) {
      if (!stopping.aborted) throw error;
    } finally {
      place.isMending = false;
    }
  }

  /** @returns  Whether nothing is left to do. */
  async #refill(place: Place): Promise<boolean> {
    const { stopping, log, listener } = this.#parts;
    if (stopping.aborted || !this.#places.includes(place)) return true;
    const order = this.#parts.order();
    const worker = new WorkerProcess(place.index, listener);
    place.worker = worker;
    try {
      await worker.prepare({ ...order, worker: place.index });
      await worker.commit(order.generation);
      place.servingSinceMs = performance.now();
      this.#restarts += 1;
      log.info(named(worker), "worker serves in place of one that ended");
      return true;
    } catch (error) {
      if (stopping.aborted) return true;
      this.#giveUp(place, worker, "worker did not start", error);
      return false;
    }
  }

  #giveUp(place: Place, worker: WorkerProcess, what: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : "unknown error";
    this.#parts.log.error({ ...named(worker), reason }, what);
    worker.kill();
    if (place.worker === worker) place.worker = undefined;
  }

  #placeOf(worker: WorkerProcess): Place | undefined {
    return this.#places.find((place) => place.worker === worker);
  }
}

/** Workers are counted from 1 where people read of them. */
function named({ place, pid }: WorkerProcess): { readonly worker: number; readonly pid: number } {
  return { worker: place + 1, pid };
}
