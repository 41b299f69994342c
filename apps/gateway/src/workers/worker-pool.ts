import type { ListenAddress } from "@rollcall/proxy";
import type { Logger } from "pino";

import type { GatewayConfig, ListenConfig } from "../config/gateway-config.ts";
import type { Front, FrontStep, FrontWorkers } from "../front.ts";
import { ListenError } from "../listen-error.ts";
import { sameAddress } from "../listeners.ts";
import { nodeChangeLog } from "../log.ts";
import type { GatewayMetrics } from "../metrics/gateway-metrics.ts";
import type { GatewayState } from "../state.ts";
import { TicketSecret } from "../ticket-secret.ts";
import type { HealthBoard } from "../upstream/health-board.ts";
import { freePort } from "./free-port.ts";
import { type Place, Places } from "./places.ts";
import type { Order, ToPrimary } from "./protocol.ts";
import { RegistryNumbers } from "./registry-numbers.ts";
import { WorkerCounts } from "./worker-counts.ts";
import { WorkerFeeds } from "./worker-feeds.ts";
import { WorkerError, type WorkerListener, type WorkerProcess } from "./worker-process.ts";

/** How long workers may outlive their drain, in ms. */
const overdueMs = 1_000;

/** A configuration that workers have been told of. */
interface Stage {
  readonly config: GatewayConfig;
  readonly ports: readonly number[];
  readonly order: Omit<Order, "worker">;
}

/** Worker processes that take the requests; this process feeds them, and leads them all to one configuration. */
export class WorkerPool implements Front, WorkerListener {
  readonly #places: Places;
  readonly #onNodeChange: ReturnType<typeof nodeChangeLog>;
  readonly #stopping = new AbortController();
  readonly #registries = new RegistryNumbers();
  readonly #feeds = new WorkerFeeds(this.#registries);
  readonly #health: HealthBoard;
  readonly #tickets = new TicketSecret();
  readonly #counts: WorkerCounts;
  #addresses: readonly ListenAddress[] = [];
  #current: Stage | undefined;
  #generation = 0;
  /** Reloads and replacements, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param health  Told to every worker. */
  constructor(log: Logger, metrics: () => GatewayMetrics, health: HealthBoard) {
    this.#health = health;
    this.#counts = new WorkerCounts((numbers) => metrics().merge(numbers));
    this.#onNodeChange = nodeChangeLog(log);
    this.#places = new Places({
      log,
      listener: this,
      order: () => this.#current!.order,
      inTurn: (work) => this.#inTurn(work),
      stopping: this.#stopping.signal,
    });
    health.follow((upstream, unhealthy) => {
      for (const worker of this.#places.workers) {
        worker.post({ kind: "health", upstream, unhealthy });
      }
    });
    this.#tickets.follow(() => {
      for (const worker of this.#places.workers) this.#tellTickets(worker);
    });
  }

  get addresses(): readonly ListenAddress[] {
    return this.#addresses;
  }

  get inFlight(): number {
    return this.#counts.inFlight;
  }

  get workers(): FrontWorkers {
    return {
      collect: () => this.#counts.collect(this.#places.workers),
      standings: () => this.#counts.standings,
      serving: () => this.#places.serving,
      restarts: () => this.#places.restarts,
      list: () => this.#places.list(),
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
    const ending = this.#places.workers;
    for (const worker of ending) worker.post({ kind: "stop", drainMs });
    const overdue = setTimeout(() => this.kill(), drainMs + overdueMs);
    await Promise.all(ending.map(({ exited }) => exited));
    clearTimeout(overdue);
    await this.#turn;
  }

  /** Ends every worker at once. */
  kill(): void {
    this.#stopping.abort();
    for (const worker of this.#places.workers) worker.kill();
  }

  onMessage(worker: WorkerProcess, message: ToPrimary): void {
    this.#feeds.onMessage(worker, message);
    if (message.kind === "hello") this.#welcome(worker);
    if (message.kind === "counted") this.#counts.onCounted(worker, message);
    if (message.kind === "node") this.#onNodeChange(message.change, worker.place + 1);
    if (message.kind === "leaving") this.#places.onLeaving(worker);
  }

  onExit(worker: WorkerProcess, how: string): void {
    this.#feeds.end(worker);
    this.#counts.end(worker);
    this.#places.onExit(worker, how);
  }

  /** All build it, then all go over; when one cannot, nothing changed. */
  async #goOver(stage: Stage): Promise<void> {
    const { generation, workers: wanted } = stage.order;
    const places = this.#places;
    const before = places.count;
    places.isStarting = this.#current === undefined;
    try {
      let addresses: readonly ListenAddress[] | undefined;
      const build = async ({ worker, index }: Place): Promise<void> => {
        if (worker === undefined) return;
        const prepared = worker.prepare({ ...stage.order, worker: index });
        addresses = await prepared.catch((error: unknown) => {
          // Somebody ended it meanwhile: that is not the configuration's fault.
          if (places.isLeaving(worker)) return addresses;
          throw error;
        });
      };
      while (places.count < wanted) {
        const place = places.add();
        // One alone at first: what is wrong with the environment is told once.
        if (place.index === 0) await build(place);
      }
      // A place that waits for its next worker gets one that builds this at once.
      const going = places.first(wanted);
      await Promise.all(going.filter(({ index }) => before > 0 || index > 0).map(build));
      places.isStarting = false;
      await Promise.all(going.map((place) => places.commit(place, generation)));
      if (this.#current === undefined) this.#tickets.keepRenewing(this.#stopping.signal);
      this.#current = stage;
      this.#addresses = addresses ?? this.#addresses;
      places.retire(wanted, stage.config.drainMs);
    } catch (error) {
      for (const worker of places.workers) worker.post({ kind: "abandon", generation });
      places.drop(before);
      throw listenErrorOf(error, stage);
    } finally {
      places.isStarting = false;
    }
  }

  /** What it has to know before its first order. */
  #welcome(worker: WorkerProcess): void {
    this.#tellTickets(worker);
    for (const [upstream, unhealthy] of this.#health.entries) {
      worker.post({ kind: "health", upstream, unhealthy });
    }
  }

  #tellTickets(worker: WorkerProcess): void {
    worker.post({ kind: "tickets", secret: Buffer.from(this.#tickets.current).toString("base64") });
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

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

/** What a worker could not open, as this process would say it. */
function listenErrorOf(error: unknown, { config }: Stage): unknown {
  const refused = error instanceof WorkerError ? error.refusal?.listen : undefined;
  const wanted = refused === undefined ? undefined : config.listen[refused.index];
  return refused === undefined || wanted === undefined ? error : new ListenError(wanted, refused);
}
