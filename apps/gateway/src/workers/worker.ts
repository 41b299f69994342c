import type { ListenAddress } from "@rollcall/proxy";

import type { GatewayConfig } from "../config/gateway-config.ts";
import { loadConfig } from "../config/load.ts";
import { formatProblem } from "../config/problem.ts";
import type { Gateway, GatewayDeps } from "../gateway-contract.ts";
import { startGatewayWith } from "../gateway.ts";
import { ListenError } from "../listen-error.ts";
import type { GatewayMetrics } from "../metrics/gateway-metrics.ts";
import { OwnFigures } from "../metrics/process-figures.ts";
import type { RegistryFactories } from "../registry-factory.ts";
import { TicketSecret } from "../ticket-secret.ts";
import { HealthBoard } from "../upstream/health-board.ts";
import { FedRegistries } from "./fed-registry.ts";
import { HeldFront } from "./held-front.ts";
import { spreadsConnections } from "./spread.ts";
import type { Order, Refusal, ToPrimary, ToWorker } from "./protocol.ts";

/** How often what was counted is told unasked, in ms: what a kill can take away. */
const tellMs = 1_000;

/** How long the primary has to tell of every view, in ms; it has what it tells in memory. */
const toldMs = 10_000;

/** Somebody could not build the configuration, or this worker ends. */
class Abandoned extends Error {}

/** How a worker writes the access log. */
type WorkerLog = Pick<GatewayDeps, "onAccess" | "droppedLogLines">;

/** The gateway of a worker process: does what the primary says. */
export class WorkerGateway {
  readonly #post: (message: ToPrimary, sent?: () => void) => void;
  readonly #log: WorkerLog;
  readonly #fed: FedRegistries;
  /** The primary's, as soon as it has told it. */
  readonly #tickets = new TicketSecret();
  /** As the primary finds nodes, which alone checks them. */
  readonly #health = new HealthBoard();
  readonly #figures = new OwnFigures();
  readonly #stopping = new AbortController();
  readonly #telling: NodeJS.Timeout;
  #order: Order | undefined;
  #decision: PromiseWithResolvers<void> | undefined;
  #building: Promise<void> = Promise.resolve();
  #gateway: Gateway | undefined;
  #metrics: (() => GatewayMetrics) | undefined;
  #inFlight: () => number = () => 0;

  /** @param post  Calls `sent` once the message is on its way. */
  constructor(post: (message: ToPrimary, sent?: () => void) => void, log: WorkerLog) {
    this.#post = post;
    this.#log = log;
    this.#fed = new FedRegistries(post);
    this.#telling = setInterval(() => void this.#tell(0), tellMs).unref();
  }

  onMessage(message: ToWorker): void {
    switch (message.kind) {
      case "prepare":
        this.#building = this.#building.then(() => this.#build(message.order));
        break;
      case "commit":
        if (message.generation === this.#order?.generation) this.#decision?.resolve();
        break;
      case "abandon":
        if (message.generation === this.#order?.generation) this.#decision?.reject(new Abandoned());
        break;
      case "view":
        this.#fed.change(message);
        break;
      case "tickets":
        this.#tickets.renew(Buffer.from(message.secret, "base64"));
        break;
      case "health":
        this.#health.set(message.upstream, message.unhealthy);
        break;
      case "count":
        void this.#tell(message.asked);
        break;
      case "stop":
    }
  }

  /** Drains and ends; what was counted is told at the end. */
  async stop(drainMs: number = this.#gateway?.config.drainMs ?? 0): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort(new Abandoned());
    this.#decision?.reject(new Abandoned());
    await this.#building;
    await this.#gateway?.close({ drainMs });
    clearInterval(this.#telling);
    await this.#tell(0);
  }

  async #build(order: Order): Promise<void> {
    const { generation } = order;
    const refuse = (refusal: Refusal): void => this.#post({ kind: "refused", generation, refusal });
    if (this.#stopping.signal.aborted) return refuse({ message: "it is about to end" });
    const { config: loaded, problems } = loadConfig(order.files);
    if (loaded === undefined) return refuse({ message: formatProblem(problems[0]!) });
    this.#order = order;
    this.#decision = Promise.withResolvers();
    this.#decision.promise.catch(() => undefined);
    const config = configOfWorker(loaded, order);
    try {
      if (this.#gateway === undefined) this.#gateway = await this.#start(config, order);
      else await this.#gateway.reload(config);
      this.#post({ kind: "committed", generation });
    } catch (error) {
      if (error instanceof Abandoned) return;
      const index = error instanceof ListenError ? keysOf(config).indexOf(error.key) : -1;
      refuse({
        message: error instanceof Error ? error.message : "unknown error",
        listen: error instanceof ListenError ? { index, code: error.code } : undefined,
      });
    }
  }

  #start(config: GatewayConfig, { worker, workers }: Order): Promise<Gateway> {
    return startGatewayWith(
      config,
      {
        registries: {} as RegistryFactories,
        ...this.#log,
        onNodeChange: (change) => this.#post({ kind: "node", change }),
      },
      {
        connect: this.#fed.connect(() => this.#order!.registries),
        ownElsewhere: () => this.#order!.own,
        stagger: worker / workers,
        reusePort: spreadsConnections,
        ticketSecret: this.#tickets,
        health: this.#health,
        front: (listeners, metrics) => {
          this.#metrics = metrics;
          this.#inFlight = () => listeners.inFlight;
          return new HeldFront(listeners, (addresses) => this.#hold(addresses));
        },
      },
    );
  }

  async #hold(addresses: readonly ListenAddress[]): Promise<void> {
    const { generation } = this.#order!;
    await this.#fed.told(AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(toldMs)]));
    this.#stopping.signal.throwIfAborted();
    this.#post({ kind: "prepared", generation, addresses });
    await this.#decision!.promise;
  }

  /** @param asked  The question; 0 when nobody asks, and then nothing is said unless something was counted. */
  async #tell(asked: number): Promise<void> {
    const figures = await this.#figures.now();
    const metrics = this.#metrics?.();
    const numbers = metrics?.take() ?? {
      requests: [],
      attempts: [],
      ejections: [],
      handshakes: { completed: 0, failed: 0 },
      droppedLines: 0,
    };
    const { requests, attempts, handshakes, droppedLines } = numbers;
    const shaken = handshakes.completed + handshakes.failed;
    const isNew = requests.length + attempts.length + shaken + droppedLines > 0;
    if (asked === 0 && !isNew) return;
    const inFlight = this.#inFlight();
    const standings = asked === 0 ? undefined : metrics?.ownStandings;
    const counted = {
      kind: "counted",
      asked,
      numbers,
      inFlight,
      process: figures,
      standings,
    } as const;
    await new Promise<void>((sent) => this.#post(counted, sent));
  }
}

/** What is left of a configuration for a worker: no admin listener, and of registries nothing but a number. */
function configOfWorker(config: GatewayConfig, { ports, registries }: Order): GatewayConfig {
  return {
    ...config,
    listen: config.listen.map((one, index) => ({ ...one, port: ports[index] ?? one.port })),
    admin: undefined,
    registries: config.registries.map(({ name, type }) => ({
      name,
      type,
      // Compared on a reload: the same connection of the primary, the same here.
      options: { connection: registries[name] },
    })) as unknown as GatewayConfig["registries"],
  };
}

function keysOf({ listen }: GatewayConfig): readonly string[] {
  return listen.map(({ key }) => key);
}
