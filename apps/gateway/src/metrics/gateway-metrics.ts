import type { AttemptOutcome, Completed } from "@rollcall/proxy";
import { collectDefaultMetrics, Counter, Gauge, type Metric, Registry } from "prom-client";

import type { GatewayConfig } from "../config/gateway-config.ts";
import type { RequestContext } from "../forwarding.ts";
import type { GatewayState } from "../state.ts";
import type { NodePool } from "../upstream/node-pool.ts";
import { AttemptNumbers, type AttemptsTaken, keyOf } from "./attempt-numbers.ts";
import { certificateEnds } from "./certificate-ends.ts";
import { HandshakeNumbers, type HandshakeResult } from "./handshake-numbers.ts";
import { type ProcessFigures, renderTogether } from "./process-figures.ts";
import { RequestNumbers, type RequestsTaken, type Value } from "./request-numbers.ts";

/** What is measured when somebody asks, rather than counted as it happens. */
export interface MetricsSource {
  readonly state: GatewayState;
  readonly inFlight: number;
}

/** What a process has counted since somebody last took it. */
export interface NumbersTaken {
  readonly requests: readonly RequestsTaken[];
  readonly attempts: readonly AttemptsTaken[];
  readonly handshakes: Readonly<Record<HandshakeResult, number>>;
}

/** Worker processes, as the metrics see them. */
export interface WorkerNumbers {
  /** Brings in what they have counted until now, or what is known of those that do not answer in time. */
  collect(): Promise<{
    readonly first: ProcessFigures;
    readonly others: readonly ProcessFigures[];
  }>;
  serving(): number;
  restarts(): number;
}

/** How the last reload went. */
export interface ReloadNote {
  readonly at: number;
  /** Why it was refused; `undefined` when it was not. */
  readonly refused?: string | undefined;
}

/** The gateway's Prometheus metrics; every label is bounded by the configuration. */
export class GatewayMetrics {
  readonly #registry = new Registry();
  readonly #requests = new RequestNumbers();
  readonly #attempts = new AttemptNumbers();
  readonly #handshakes = new HandshakeNumbers();
  readonly #reloads: Counter<"result">;
  readonly #workers: WorkerNumbers | undefined;
  #lastReload: ReloadNote | undefined;

  /** @param workers  Who takes the requests, when not this process. */
  constructor(source: () => MetricsSource, workers?: WorkerNumbers) {
    const registers = [this.#registry];
    this.#workers = workers;
    if (workers === undefined) collectDefaultMetrics({ register: this.#registry });
    else this.#observeWorkers(workers);
    this.#numbers(
      "rollcall_requests_total",
      "counter",
      "Finished requests by route id and status; status 0: the client left first.",
      () => this.#requests.totals(),
    );
    this.#numbers(
      "rollcall_request_duration_seconds",
      "histogram",
      "From the request head to the end of the answer, by route id.",
      (name) => this.#requests.histogram(name),
    );
    this.#numbers(
      "rollcall_upstream_attempts_total",
      "counter",
      "Attempts to have a node answer, by how they ended.",
      () => this.#attempts.totals(),
    );
    this.#numbers(
      "rollcall_tls_handshakes_total",
      "counter",
      "TLS handshakes of clients, by how they ended.",
      () => this.#handshakes.totals(),
    );
    this.#numbers(
      "rollcall_tls_certificate_not_after_seconds",
      "gauge",
      "Until when a listener's certificate is good, in seconds since 1970, by its first name.",
      () => certificateEnds(source().state.config.listen),
    );
    this.#reloads = new Counter({
      name: "rollcall_config_reloads_total",
      help: "Configuration reloads by result.",
      labelNames: ["result"],
      registers,
    });
    for (const result of ["applied", "refused"]) this.#reloads.inc({ result }, 0);
    this.#observe(source);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  get lastReload(): ReloadNote | undefined {
    return this.#lastReload;
  }

  /** Prometheus text format. */
  async render(): Promise<string> {
    if (this.#workers === undefined) return this.#registry.metrics();
    const { first, others } = await this.#workers.collect();
    return `${await this.#registry.metrics()}\n${await renderTogether(first, others)}`;
  }

  /** Takes out what was counted; counting starts anew. */
  take(): NumbersTaken {
    return {
      requests: this.#requests.take(),
      attempts: this.#attempts.take(),
      handshakes: this.#handshakes.take(),
    };
  }

  /** Adds what another process has taken out. */
  merge({ requests, attempts, handshakes }: NumbersTaken): void {
    this.#handshakes.merge(handshakes);
    this.#requests.merge(requests);
    this.#attempts.merge(attempts);
  }

  completed(completed: Completed, context: RequestContext | undefined): void {
    this.#requests.add(context?.route.id ?? "", completed.status, completed.elapsedMs / 1000);
  }

  handshake(result: HandshakeResult): void {
    this.#handshakes.add(result);
  }

  attempt(pool: NodePool, outcome: AttemptOutcome): void {
    this.#attempts.add(pool, outcome);
  }

  /** @param refused  Why nothing changed. */
  reloaded(refused?: string): void {
    this.#lastReload = { at: Date.now(), refused };
    this.#reloads.inc({ result: refused === undefined ? "applied" : "refused" });
  }

  /** Series of routes and services that a reload took away would stay for ever. */
  forgetAllBut(config: GatewayConfig): void {
    this.#requests.keep(new Set(["", ...config.routes.map(({ id }) => id)]));
    const services = config.routes.map(({ upstream: { key, source } }) =>
      source.kind === "service" ? keyOf(source.registry, source.service) : keyOf("fixed", key),
    );
    this.#attempts.keep(new Set(services));
  }

  #observe(source: () => MetricsSource): void {
    this.#gauge("rollcall_discovery_nodes", "Nodes of a service, by state.", (set) => {
      for (const { pool, labels } of services(source())) {
        const { nodes, all, held } = pool.view.snapshot;
        set(nodes.length, { ...labels, state: "routable" });
        set(all.length, { ...labels, state: "all" });
        set(held.length, { ...labels, state: "held" });
        set(pool.denied, { ...labels, state: "denied" });
      }
    });
    this.#gauge("rollcall_discovery_state", "1 for the state the service is in.", (set) => {
      for (const { pool, labels } of services(source())) {
        for (const state of ["pending", "fresh", "stale"]) {
          set(pool.view.snapshot.state === state ? 1 : 0, { ...labels, state });
        }
      }
    });
    const age = "How long the registry has not confirmed the nodes; 0 while it does.";
    this.#gauge("rollcall_discovery_stale_seconds", age, (set) => {
      for (const { pool, labels } of services(source())) {
        const { staleSince = Date.now() } = pool.view.snapshot;
        set(Math.max(0, Date.now() - staleSince) / 1000, labels);
      }
    });
    this.#gauge("rollcall_requests_in_flight", "Requests being served now.", (set) => {
      set(source().inFlight, {});
    });
    const last = "1 unless the last reload was refused.";
    this.#gauge("rollcall_config_last_reload_successful", last, (set) => {
      set(this.#lastReload?.refused === undefined ? 1 : 0, {});
    });
  }

  #observeWorkers(workers: WorkerNumbers): void {
    this.#gauge("rollcall_workers", "Worker processes that take requests.", (set) => {
      set(workers.serving(), {});
    });
    const name = "rollcall_worker_restarts_total";
    const help = "Worker processes that ended unasked and were replaced.";
    this.#numbers(name, "counter", help, () => [{ value: workers.restarts(), labels: {} }]);
  }

  /** A metric that is counted as plain numbers, and written out when somebody asks. */
  #numbers(
    name: string,
    type: "counter" | "gauge" | "histogram",
    help: string,
    values: (name: string) => readonly Value[],
  ): void {
    const metric = {
      name,
      help,
      get: async () => ({ name, help, type, values: values(name), aggregator: "sum" }),
      reset: () => undefined,
    };
    // The registry asks for no more than this; its own classes hash the labels with each request.
    this.#registry.registerMetric(metric as unknown as Metric);
  }

  /** A gauge whose values are read when somebody asks. */
  #gauge(
    name: string,
    help: string,
    collect: (set: (value: number, labels: Labels) => void) => void,
  ): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames: ["registry", "service", "state"],
      registers: [],
      collect() {
        gauge.reset();
        collect((value, labels) => gauge.set(labels, value));
      },
    });
    this.#registry.registerMetric(gauge);
  }
}

type Labels = Record<string, string | number>;

function services({ state }: MetricsSource): { pool: NodePool; labels: Labels }[] {
  return [...state.pools.values()].flatMap((pool) =>
    pool.source.kind === "fixed"
      ? []
      : [{ pool, labels: { registry: pool.source.registry, service: pool.name } }],
  );
}
