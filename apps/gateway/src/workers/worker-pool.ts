import { createBackoff, sleep, systemClock, type Backoff } from "@rollcall/core/adapter";
import type { ListenAddress } from "@rollcall/proxy";
import type { Logger } from "pino";

import type { GatewayConfig, ListenConfig } from "../config/gateway-config.ts";
import type { Front, FrontStep, FrontWorkers, WorkerStatus } from "../front.ts";
import { ListenError } from "../listen-error.ts";
import { sameAddress } from "../listeners.ts";
import type { GatewayMetrics } from "../metrics/gateway-metrics.ts";
import type { GatewayState } from "../state.ts";
import { freePort } from "./free-port.ts";
import type { Order, ToPrimary } from "./protocol.ts";
import { RegistryNumbers } from "./registry-numbers.ts";
import { WorkerCounts } from "./worker-counts.ts";
import { WorkerFeeds } from "./worker-feeds.ts";
import { WorkerError, type WorkerListener, WorkerProcess } from "./worker-process.ts";

/** Shortest wait before a worker that ended is replaced, in ms: a signal to the whole group gets here first. */
const leastRespawnMs = 50;

/** How long workers may outlive their drain, in ms. */
const overdueMs = 1_000;

/** One place among the workers and who has it. */
interface Place {
  readonly index: number;
  readonly backoff: Backoff;
  worker: WorkerProcess | undefined;
  servingSinceMs: number | undefined;
  isMending: boolean;
}

/** A configuration that workers have been told of. */
interface Stage {
  readonly config: GatewayConfig;
  readonly ports: readonly number[];
  readonly order: Omit<Order, "worker">;
}

/** Worker processes that take the requests; this process feeds them and replaces those that end. */
export class WorkerPool implements Front, WorkerListener {
  readonly #log: Logger;
  readonly #places: Place[] = [];
  /** Replaced, or no longer wanted: they serve what they have. */
  readonly #leaving = new Set<WorkerProcess>();
  readonly #stopping = new AbortController();
  readonly #registries = new RegistryNumbers();
  readonly #feeds = new WorkerFeeds(this.#registries);
  readonly #counts: WorkerCounts;
  #addresses: readonly ListenAddress[] = [];
  #current: Stage | undefined;
  #generation = 0;
  #restarts = 0;
  /** Whether the first workers are being started: then an end is a failure, not a thing to mend. */
  #starting = false;
  /** Reloads and replacements, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(log: Logger, metrics: () => GatewayMetrics) {
    this.#log = log;
    this.#counts = new WorkerCounts((numbers) => metrics().merge(numbers));
  }

  get addresses(): readonly ListenAddress[] {
    return this.#addresses;
  }

  get inFlight(): number {
    return this.#counts.inFlight;
  }

  get workers(): FrontWorkers {
    return {
      collect: () => this.#counts.collect(this.#all),
      serving: () =>
        this.#places.filter(({ servingSinceMs }) => servingSinceMs !== undefined).length,
      restarts: () => this.#restarts,
      list: () => this.#list(),
    };
  }

  async claim(config: GatewayConfig): Promise<FrontStep> {
    const ports: number[] = [];
    for (const wanted of config.listen) {
      ports.push(await this.#portOf(wanted, ports));
    }
    let stage: Stage | undefined;
    return {
      addresses: config.listen.map(({ host }, index) => ({ host, port: ports[index]! })),
      prepare: (state, own) =>
        this.#inTurn(async () => {
          stage = this.#stageOf(config, ports, state, own);
          await this.#goOver(stage);
        }),
      commit: () => this.#registries.keepOnly(stage!.order.registries),
      abandon: async () => this.#registries.keepOnly(this.#current?.order.registries ?? {}),
    };
  }

  async close(drainMs: number): Promise<void> {
    this.#stopping.abort();
    const ending = this.#all;
    for (const worker of ending) worker.post({ kind: "stop", drainMs });
    const overdue = setTimeout(() => this.kill(), drainMs + overdueMs);
    await Promise.all(ending.map(({ exited }) => exited));
    clearTimeout(overdue);
    await this.#turn;
  }

  /** Ends every worker at once. */
  kill(): void {
    this.#stopping.abort();
    for (const worker of this.#all) worker.kill();
  }

  get #all(): readonly WorkerProcess[] {
    const placed = this.#places.map(({ worker }) => worker).filter((one) => one !== undefined);
    return [...placed, ...this.#leaving];
  }

  onMessage(worker: WorkerProcess, message: ToPrimary): void {
    this.#feeds.onMessage(worker, message);
    if (message.kind === "counted") this.#counts.onCounted(worker, message);
    if (message.kind !== "leaving" || this.#leaving.has(worker)) return;
    const place = this.#placeOf(worker);
    if (place === undefined) return;
    this.#log.info(named(worker), "worker was told to end; another takes its place");
    this.#leaving.add(worker);
    place.worker = undefined;
    void this.#mend(place);
  }

  onExit(worker: WorkerProcess, how: string): void {
    this.#feeds.end(worker);
    this.#counts.end(worker);
    this.#leaving.delete(worker);
    const place = this.#placeOf(worker);
    if (place === undefined || this.#stopping.signal.aborted || this.#starting) return;
    this.#log.error(named(worker), `worker ${how}`);
    place.worker = undefined;
    void this.#mend(place);
  }

  /** All build it, then all go over; when one cannot, nothing changed. */
  async #goOver(stage: Stage): Promise<void> {
    const { generation, workers: wanted } = stage.order;
    const before = this.#places.length;
    this.#starting = this.#current === undefined;
    try {
      let addresses: readonly ListenAddress[] | undefined;
      const build = async (place: Place): Promise<void> => {
        const { worker } = place;
        if (worker === undefined) return;
        const prepared = worker.prepare({ ...stage.order, worker: place.index });
        addresses = await prepared.catch((error: unknown) => {
          // Somebody ended it meanwhile: that is not the configuration's fault.
          if (this.#leaving.has(worker)) return addresses;
          throw error;
        });
      };
      for (let index = before; index < wanted; index += 1) {
        const place = newPlace(index);
        this.#places.push(place);
        place.worker = new WorkerProcess(index, this);
        // One alone at first: what is wrong with the environment is told once.
        if (index === 0) await build(place);
      }
      // A place that waits for its next worker gets one that builds this at once.
      const going = this.#places.slice(0, wanted);
      await Promise.all(going.filter(({ index }) => before > 0 || index > 0).map(build));
      this.#starting = false;
      await Promise.all(going.map((place) => this.#commit(place, generation)));
      this.#current = stage;
      this.#addresses = addresses ?? this.#addresses;
      for (const { worker } of this.#places.splice(wanted)) {
        if (worker === undefined) continue;
        this.#leaving.add(worker);
        worker.post({ kind: "stop", drainMs: stage.config.drainMs });
      }
    } catch (error) {
      for (const worker of this.#all) worker.post({ kind: "abandon", generation });
      for (const { worker } of this.#places.splice(before)) worker?.kill();
      throw listenErrorOf(error, stage);
    } finally {
      this.#starting = false;
    }
  }

  /** Cannot be refused any more: who does not go over is replaced by one that does. */
  async #commit(place: Place, generation: number): Promise<void> {
    const { worker } = place;
    if (worker === undefined) return;
    try {
      await worker.commit(generation);
      if (place.worker === worker) place.servingSinceMs ??= performance.now();
    } catch (error) {
      this.#log.error({ ...named(worker), reason: messageOf(error) }, "worker did not go over");
      worker.kill();
      if (place.worker === worker) place.worker = undefined;
      void this.#mend(place);
    }
  }

  /** Gives a place a worker again, however often that takes. */
  async #mend(place: Place): Promise<void> {
    const { signal } = this.#stopping;
    const servedMs =
      place.servingSinceMs === undefined ? 0 : performance.now() - place.servingSinceMs;
    place.servingSinceMs = undefined;
    if (place.isMending || this.#starting) return;
    place.isMending = true;
    try {
      let waitMs = place.backoff.failed(servedMs);
      for (;;) {
        await sleep(leastRespawnMs + waitMs, signal, systemClock);
        if (await this.#inTurn(() => this.#refill(place))) return;
        waitMs = place.backoff.failed();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      place.isMending = false;
    }
  }

  /** @returns  Whether nothing is left to do. */
  async #refill(place: Place): Promise<boolean> {
    const { signal } = this.#stopping;
    if (signal.aborted || !this.#places.includes(place)) return true;
    const { order } = this.#current!;
    const worker = new WorkerProcess(place.index, this);
    place.worker = worker;
    try {
      await worker.prepare({ ...order, worker: place.index });
      await worker.commit(order.generation);
      place.servingSinceMs = performance.now();
      this.#restarts += 1;
      this.#log.info(named(worker), "worker serves in place of one that ended");
      return true;
    } catch (error) {
      if (signal.aborted) return true;
      this.#log.error({ ...named(worker), reason: messageOf(error) }, "worker did not start");
      worker.kill();
      if (place.worker === worker) place.worker = undefined;
      return false;
    }
  }

  #stageOf(
    config: GatewayConfig,
    ports: readonly number[],
    state: GatewayState,
    own: readonly ListenAddress[],
  ): Stage {
    this.#generation += 1;
    const registries = this.#registries.of(state);
    const { files, workers } = config;
    return {
      config,
      ports,
      order: { generation: this.#generation, files, ports, own, registries, workers },
    };
  }

  /**
   * A port that is new has to be free: workers share ports, and would share it with a stranger too. One that the
   * file leaves open stays the same for as long as its listener does.
   */
  async #portOf(wanted: ListenConfig, taken: readonly number[]): Promise<number> {
    const { config, ports = [] } = this.#current ?? {};
    const index = config?.listen.findIndex(
      (one, at) => sameAddress(one, wanted) && !taken.includes(ports[at]!),
    );
    return ports[index ?? -1] ?? freePort(wanted);
  }

  #placeOf(worker: WorkerProcess): Place | undefined {
    return this.#places.find((place) => place.worker === worker);
  }

  #list(): readonly WorkerStatus[] {
    const placed = this.#places.flatMap(({ worker, servingSinceMs }): readonly WorkerStatus[] => {
      const state = servingSinceMs === undefined ? "starting" : "serving";
      return worker === undefined ? [] : [{ ...named(worker), state }];
    });
    return [
      ...placed,
      ...[...this.#leaving].map((one) => ({ ...named(one), state: "leaving" as const })),
    ];
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

function newPlace(index: number): Place {
  return {
    index,
    backoff: createBackoff({ baseMs: 200, capMs: 30_000, healthyMs: 10_000 }),
    worker: undefined,
    servingSinceMs: undefined,
    isMending: false,
  };
}

/** Workers are counted from 1 where people read of them. */
function named({ place, pid }: WorkerProcess): { readonly worker: number; readonly pid: number } {
  return { worker: place + 1, pid };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "unknown error";
}

/** What a worker could not open, as this process would say it. */
function listenErrorOf(error: unknown, { config }: Stage): unknown {
  const refused = error instanceof WorkerError ? error.refusal?.listen : undefined;
  const wanted = refused === undefined ? undefined : config.listen[refused.index];
  return refused === undefined || wanted === undefined ? error : new ListenError(wanted, refused);
}
