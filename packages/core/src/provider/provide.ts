import type { Server } from "node:http";

import { type Clock, sleep, systemClock } from "../adapter/clock.ts";
import { holdProcess } from "../adapter/live-value.ts";
import { optionChecks } from "../adapter/option-checks.ts";
import { orAborted } from "../adapter/or-aborted.ts";
import { DiscoveryError } from "../error.ts";
import { defineNode, type NodeInput } from "../node.ts";
import type { RegisterOptions, Registration, Registry } from "../registry.ts";
import { InFlight } from "./in-flight.ts";
import { type ListenOptions, listening } from "./listening.ts";
import { seenDraining } from "./seen-draining.ts";

/** Signals within this time after the first are the first one again, in ms. */
const repeatMs = 1_000;

/** Options of {@link provide}. */
export interface ProvideOptions extends RegisterOptions {
  readonly registry: Registry;
  /** The node to register; `port` is the one the server is bound to unless it is given. */
  readonly node: Omit<NodeInput, "port"> & { readonly port?: number | undefined };
  /** Where to listen; ignored when the server listens already. Default: a free port of `node.host`. */
  readonly listen?: ListenOptions | undefined;
  /**
   * Runs between listening and `up`, such as filling caches: meanwhile the node is registered as `starting`
   * and gets no requests. When it rejects, so does {@link provide}, and nothing is left.
   */
  readonly warmUp?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /**
   * Signals of the process that stop it. One that comes a second or more after the first cuts short what is
   * left; sooner ones do not count, for terminals and process managers often say the same thing twice.
   *
   * @default SIGTERM and SIGINT
   */
  readonly stopOn?: readonly NodeJS.Signals[] | undefined;
  /**
   * How long consumers may take to see the draining once a read shows it, in ms.
   *
   * @default the registry's `traits.propagationMs`
   */
  readonly propagationMs?: number | undefined;
  /** Everything from the stop to the end has this long, in ms. Default 25 000: within the 30 s of Kubernetes. */
  readonly stopTimeoutMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

/** A server in service: registered while it can serve, gone before it cannot. */
export interface Provider extends AsyncDisposable {
  readonly registration: Registration;
  readonly phase: "up" | "draining" | "closed";
  /** Requests being answered now. */
  readonly inFlight: number;
  /**
   * Leaves without losing a request: says `draining`, waits until a read of the registry shows it, until
   * consumers have had time to see it and until nothing is in flight, deregisters, and closes the server.
   * What is not done when the time is up is cut short. Safe to call again.
   *
   * Resolves when the server is closed, also when the registry could not be told: the lease ends there.
   */
  stop(): Promise<void>;
  /** Resolves when it has stopped, whoever asked for it. */
  readonly stopped: Promise<void>;
}

/**
 * Takes an HTTP server through its life as a node: listen, register, up; then, on `stop` or a signal of the
 * process, draining, deregistered, closed. The registry stays yours.
 *
 * @throws {@link DiscoveryError} from `register`; the server's own error when it cannot listen; what `warmUp`
 *   throws; the signal's reason. Nothing is left in the registry then, and a server that was made to listen is
 *   closed.
 */
export async function provide(server: Server, options: ProvideOptions): Promise<Provider> {
  const { registry, listen, node, signal } = options;
  check(options);
  signal?.throwIfAborted();
  const inFlight = new InFlight(server);
  const opens = !server.listening;
  try {
    const bound = await listening(server, { host: listen?.host ?? node.host, port: listen?.port });
    const port = node.port ?? bound;
    if (port === undefined) throw invalid(registry, "node.port is missing: the server has no port");
    const registration = await register({ ...node, port }, options);
    return new Running(inFlight, registration, options);
  } catch (error) {
    if (opens && server.listening) await inFlight.close(AbortSignal.abort());
    throw error;
  }
}

async function register(node: NodeInput, options: ProvideOptions): Promise<Registration> {
  const { registry, warmUp, scope, ttlMs, signal } = options;
  const status = node.status ?? "up";
  const first = warmUp === undefined ? status : "starting";
  const registration = await registry.register(
    { ...node, status: first },
    { scope, ttlMs, signal },
  );
  if (warmUp === undefined) return registration;
  try {
    await orAborted(warmUp(signal ?? new AbortController().signal), signal);
    await registration.update({ status }, { signal });
    return registration;
  } catch (error) {
    await registration[Symbol.asyncDispose]();
    throw error;
  }
}

/** Before anything starts. The registry checks the node again, by its own bounds. */
function check(options: ProvideOptions): void {
  const { registry, node, propagationMs = 0, stopTimeoutMs = 0, listen } = options;
  const { section } = optionChecks(registry.name, "provide");
  section<ProvideOptions>("options", options, {
    registry: true,
    node: true,
    listen: true,
    warmUp: true,
    stopOn: true,
    propagationMs: true,
    stopTimeoutMs: true,
    scope: true,
    ttlMs: true,
    signal: true,
    clock: true,
    random: true,
  });
  section("listen", listen, { host: true, port: true });
  defineNode({ ...node, port: node.port ?? 1 });
  for (const [field, value] of Object.entries({ propagationMs, stopTimeoutMs })) {
    if (typeof value === "number" && value >= 0) continue;
    throw invalid(registry, `${field} must be a number of ms >= 0, got ${String(value)}`);
  }
}

function invalid(registry: Registry, reason: string): DiscoveryError {
  return new DiscoveryError({
    code: "INVALID",
    registry: registry.name,
    operation: "provide",
    reason,
  });
}

class Running implements Provider {
  readonly registration: Registration;
  readonly stopped: Promise<void>;
  readonly #inFlight: InFlight;
  readonly #options: ProvideOptions;
  readonly #done = Promise.withResolvers<void>();
  readonly #late = new AbortController();
  readonly #onSignal = (): void => this.#signalled();
  #hurriesFromMs = Infinity;
  #phase: Provider["phase"] = "up";

  constructor(inFlight: InFlight, registration: Registration, options: ProvideOptions) {
    this.#inFlight = inFlight;
    this.registration = registration;
    this.#options = options;
    this.stopped = this.#done.promise;
    for (const name of this.#signals) process.on(name, this.#onSignal);
  }

  get phase(): Provider["phase"] {
    return this.#phase;
  }

  get inFlight(): number {
    return this.#inFlight.count;
  }

  stop(): Promise<void> {
    if (this.#phase === "up") {
      this.#phase = "draining";
      void this.#stop();
    }
    return this.stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #signals(): readonly NodeJS.Signals[] {
    return this.#options.stopOn ?? ["SIGTERM", "SIGINT"];
  }

  #signalled(): void {
    const nowMs = (this.#options.clock ?? systemClock).monotonicMs();
    if (nowMs >= this.#hurriesFromMs) this.#late.abort(new Error("asked again"));
    this.#hurriesFromMs = Math.min(this.#hurriesFromMs, nowMs + repeatMs);
    void this.stop();
  }

  async #stop(): Promise<void> {
    const { clock = systemClock, stopTimeoutMs = 25_000 } = this.#options;
    const release = holdProcess();
    const { signal } = this.#late;
    const cancel = clock.after(stopTimeoutMs, () => this.#late.abort(new Error("time is up")));
    try {
      await this.#drain(signal).catch(() => undefined);
      // An unreachable registry does not keep the process: the lease ends by itself.
      await this.registration[Symbol.asyncDispose]();
      await this.#inFlight.close(signal);
    } finally {
      for (const name of this.#signals) process.off(name, this.#onSignal);
      cancel();
      release();
      this.#phase = "closed";
      this.#done.resolve();
    }
  }

  /** @throws the signal's reason. */
  async #drain(signal: AbortSignal): Promise<void> {
    const { registry, scope, clock = systemClock, random = Math.random } = this.#options;
    const { service, id } = this.registration.node;
    await this.registration.update({ status: "draining" }, { signal });
    const looked = { registry, query: { service, scope }, id, clock, random };
    await seenDraining(looked, signal);
    await sleep(this.#options.propagationMs ?? registry.traits.propagationMs, signal, clock);
    this.#inFlight.part();
    await this.#inFlight.idle(signal);
  }
}
