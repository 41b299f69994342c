import type { AttemptOutcome, Completed } from "@rollcall/proxy";
import { collectDefaultMetrics, Counter, type Metric, Registry } from "prom-client";

import type { GatewayConfig } from "../config/gateway-config.ts";
import type { RequestContext } from "../forwarding.ts";
import type { GatewayState } from "../state.ts";
import { nameOf, type NodePool, registryOf } from "../upstream/node-pool.ts";
import type { ProbeResult } from "../upstream/probe.ts";
import { JointStandings, type Standing, standingsOf } from "../upstream/standing.ts";
import { AttemptNumbers, keyOf } from "./attempt-numbers.ts";
import { certificateEnds } from "./certificate-ends.ts";
import { CheckNumbers } from "./check-numbers.ts";
import { nodeValues, staleValues, stateValues } from "./discovery-values.ts";
import { DroppedLines } from "./dropped-lines.ts";
import { EjectionNumbers } from "./ejection-numbers.ts";
import { HandshakeNumbers, type HandshakeResult } from "./handshake-numbers.ts";
import type { MetricsSource, NumbersTaken, ReloadNote, WorkerNumbers } from "./metrics-contract.ts";
import { renderTogether } from "./process-figures.ts";
import { RequestNumbers, type Value } from "./request-numbers.ts";
import { standingValues } from "./standing-values.ts";

/** The gateway's Prometheus metrics; every label is bounded by the configuration. */
export class GatewayMetrics {
  readonly #registry = new Registry();
  readonly #requests = new RequestNumbers();
  readonly #attempts = new AttemptNumbers();
  readonly #checks = new CheckNumbers();
  readonly #ejections = new EjectionNumbers();
  readonly #handshakes = new HandshakeNumbers();
  readonly #reloads: Counter<"result">;
  readonly #droppedLines: DroppedLines;
  readonly #source: () => MetricsSource;
  readonly #workers: WorkerNumbers | undefined;
  #lastReload: ReloadNote | undefined;

  /**
   * @param droppedLines  How many lines of its log this process has dropped.
   * @param workers  Who takes the requests, when not this process.
   */
  constructor(source: () => MetricsSource, droppedLines: () => number, workers?: WorkerNumbers) {
    this.#droppedLines = new DroppedLines(droppedLines);
    const registers = [this.#registry];
    this.#source = source;
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
      "rollcall_upstream_ejections_total",
      "counter",
      "How often a node was left out because its requests failed.",
      () => this.#ejections.totals(),
    );
    this.#numbers(
      "rollcall_health_checks_total",
      "counter",
      "Active checks of nodes, by result.",
      () => this.#checks.totals(),
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

  /** Which nodes are treated apart now. */
  async standings(): Promise<JointStandings> {
    await this.#workers?.collect();
    return this.#standings;
  }

  /** Those of this process alone. */
  get ownStandings(): readonly Standing[] {
    // A worker may be asked before it has built anything.
    const { state } = this.#source() as { readonly state?: GatewayState };
    return state === undefined ? [] : standingsOf(state.pools.values());
  }

  get #standings(): JointStandings {
    return new JointStandings(this.#workers?.standings() ?? [this.ownStandings]);
  }

  /** Takes out what was counted; counting starts anew. */
  take(): NumbersTaken {
    return {
      requests: this.#requests.take(),
      attempts: this.#attempts.take(),
      ejections: this.#ejections.take(),
      handshakes: this.#handshakes.take(),
      droppedLines: this.#droppedLines.take(),
    };
  }

  /** Adds what another process has taken out. */
  merge({ requests, attempts, ejections, handshakes, droppedLines }: NumbersTaken): void {
    this.#droppedLines.merge(droppedLines);
    this.#ejections.merge(ejections);
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

  ejected(registry: string, service: string): void {
    this.#ejections.add(registry, service);
  }

  /** One active check of a node. */
  checked(registry: string, service: string, result: ProbeResult): void {
    this.#checks.add(registry, service, result);
  }

  /** @param refused  Why nothing changed. */
  reloaded(refused?: string): void {
    this.#lastReload = { at: Date.now(), refused };
    this.#reloads.inc({ result: refused === undefined ? "applied" : "refused" });
  }

  /** Series of routes and services that a reload took away would stay for ever. */
  forgetAllBut(config: GatewayConfig): void {
    this.#requests.keep(new Set(["", ...config.routes.map(({ id }) => id)]));
    const services = config.routes.map(({ upstream: { key, source, balancing } }) => ({
      registry: registryOf(source),
      service: nameOf(key, source),
      ejects: balancing.outlierEjection !== undefined,
    }));
    const keys = new Set(services.map(({ registry, service }) => keyOf(registry, service)));
    this.#attempts.keep(keys);
    this.#checks.keep(keys);
    this.#ejections.keep(services.filter(({ ejects }) => ejects));
  }

  #observe(source: () => MetricsSource): void {
    const pools = (): Iterable<NodePool> => source().state.pools.values();
    const nodes = "Nodes of a service, by state.";
    this.#numbers("rollcall_discovery_nodes", "gauge", nodes, () => nodeValues(pools()));
    const states = "1 for the state the service is in.";
    this.#numbers("rollcall_discovery_state", "gauge", states, () => stateValues(pools()));
    const age = "How long the registry has not confirmed the nodes; 0 while it does.";
    this.#numbers("rollcall_discovery_stale_seconds", "gauge", age, () => staleValues(pools()));
    const apart =
      "Nodes that are ejected (their requests fail), unhealthy (their checks do) or warming (new), in at least one process.";
    this.#numbers("rollcall_upstream_nodes", "gauge", apart, () =>
      standingValues(pools(), this.#standings, source().health),
    );
    const dropped = "Log lines dropped because their reader stood still.";
    this.#number("rollcall_log_lines_dropped_total", "counter", dropped, () => {
      return this.#droppedLines.total;
    });
    const inFlight = "Requests being served now.";
    this.#number("rollcall_requests_in_flight", "gauge", inFlight, () => source().inFlight);
    const last = "1 unless the last reload was refused.";
    this.#number("rollcall_config_last_reload_successful", "gauge", last, () =>
      this.#lastReload?.refused === undefined ? 1 : 0,
    );
  }

  #observeWorkers(workers: WorkerNumbers): void {
    const serving = "Worker processes that take requests.";
    this.#number("rollcall_workers", "gauge", serving, () => workers.serving());
    const help = "Worker processes that ended unasked and were replaced.";
    this.#number("rollcall_worker_restarts_total", "counter", help, () => workers.restarts());
  }

  #number(name: string, type: "counter" | "gauge", help: string, value: () => number): void {
    this.#numbers(name, type, help, () => [{ value: value(), labels: {} }]);
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
}
