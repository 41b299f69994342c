import { asDiscoveryError, DiscoveryError } from "../error.ts";
import { defineNode, type NodePatch, type ServiceNode } from "../node.ts";
import type { Registration, RegistrationState, WithSignal } from "../registry.ts";
import { type Backoff, createBackoff } from "./backoff.ts";
import { type Clock, sleep, systemClock } from "./clock.ts";
import { withDeadline } from "./deadline.ts";
import { holdProcess } from "./live-value.ts";
import { orAborted } from "./or-aborted.ts";
import type { KeepRegisteredOptions } from "./record-calls.ts";
import { minRemovalMs, removeForGood, settleMs } from "./record-removal.ts";
import { ToldState } from "./told-state.ts";
import { UpdateWaiters, type Waiter } from "./update-waiters.ts";
import { WakeablePause } from "./wakeable-pause.ts";

/**
 * Enters a node and keeps it entered: heartbeats at a third of the TTL, enters it again whenever the
 * backend lost it, for ever, with jittered and capped backoff, until it is deregistered.
 *
 * Resolves when the backend has accepted the first entry; retries while the cause is retryable.
 *
 * @throws {@link DiscoveryError} the cause when it is not retryable; the signal's reason when aborted,
 *   after the record that may have been written is removed.
 */
export async function keepRegistered(options: KeepRegisteredOptions): Promise<Registration> {
  options.signal?.throwIfAborted();
  const keeper = new Keeper(options);
  await keeper.entered(options.signal);
  return keeper;
}

class Keeper implements Registration {
  readonly #options: KeepRegisteredOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #callTimeoutMs: number;
  readonly #backoff: Backoff;
  readonly #states: ToldState;
  /** Aborted when the registration closes: ends waits at once. */
  readonly #closing = new AbortController();
  /** Aborts a call under way; fires `settleMs` after closing began. */
  readonly #cut = new AbortController();
  readonly #pause: WakeablePause;
  readonly #loop: Promise<void>;
  #desired: ServiceNode;
  /** What the backend was last known to hold; undefined when it must be put. */
  #held: ServiceNode | undefined;
  /** Whether any write was ever attempted, so that closing has something to remove. */
  #written = false;
  /** Whether the last write or renewal ended without an answer: the backend may still come to it. */
  #unanswered = false;
  #conflict: DiscoveryError | undefined;
  #confirmedAtMs = 0;
  #renewAtMs = 0;
  #hurry = new AbortController();
  readonly #waiters = new UpdateWaiters();
  #closed: Promise<void> | undefined;
  #entered = Promise.withResolvers<void>();

  constructor(options: KeepRegisteredOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#callTimeoutMs = options.callTimeoutMs ?? Math.min(options.ttlMs / 3, 5_000);
    this.#backoff = createBackoff({
      capMs: options.ttlMs / 3,
      random: this.#random,
    });
    this.#desired = options.node;
    const { service, id } = options.node;
    this.#states = new ToldState({ registry: options.registry, service, id });
    this.#pause = new WakeablePause(this.#clock, this.#closing.signal);
    this.#entered.promise.catch(() => undefined);
    this.#loop = this.#run();
  }

  get node(): ServiceNode {
    return this.#desired;
  }

  get state(): RegistrationState {
    return this.#states.current;
  }

  [Symbol.asyncIterator](): AsyncIterator<RegistrationState> {
    return this.#states.iterate();
  }

  async entered(signal: AbortSignal | undefined): Promise<void> {
    try {
      await held(orAborted(this.#entered.promise, signal));
    } catch (error) {
      await this.#close(0).catch(() => undefined);
      throw error;
    }
  }

  async update(patch: NodePatch, options: WithSignal = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (this.#closed !== undefined) throw this.#error("CLOSED", "update", "already deregistered");
    if (this.#conflict !== undefined) throw this.#conflict;
    const { weight, status, metadata } = patch;
    this.#desired = defineNode({
      ...this.#desired,
      ...(weight === undefined ? {} : { weight }),
      ...(status === undefined ? {} : { status }),
      ...(metadata === undefined ? {} : { metadata }),
    });
    const waiter = this.#want();
    try {
      await held(orAborted(waiter.promise, options.signal));
    } finally {
      this.#waiters.delete(waiter);
    }
  }

  async deregister(
    options: WithSignal & { readonly drainMs?: number | undefined } = {},
  ): Promise<void> {
    options.signal?.throwIfAborted();
    await held(orAborted(this.#close(options.drainMs ?? 0, options.signal), options.signal));
  }

  /** Like {@link deregister}, but an unreachable backend does not fail it: the lease runs out there. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close(0).catch((error: unknown) => {
      if (!(error instanceof DiscoveryError)) throw error;
    });
  }

  /** Hurries what is desired to the backend. */
  #want(): Waiter {
    this.#pause.wake();
    return this.#waiters.add(this.#desired);
  }

  /** The first call decides; a later one without a drain, or an abort, cuts the draining short. */
  #close(drainMs: number, signal?: AbortSignal): Promise<void> {
    if (drainMs <= 0) this.#hurry.abort();
    signal?.addEventListener("abort", () => this.#hurry.abort(), { signal: this.#closing.signal });
    this.#closed ??= held(this.#drainAndRemove(drainMs));
    return this.#closed;
  }

  async #drainAndRemove(drainMs: number): Promise<void> {
    if (drainMs > 0 && this.#held !== undefined) await this.#drain(drainMs);
    this.#closing.abort(this.#error("CLOSED", "register", "deregistered"));
    const cancelCut = this.#clock.after(settleMs, () =>
      this.#cut.abort(this.#closing.signal.reason),
    );
    await this.#loop;
    cancelCut();
    this.#options.onClosed?.(this);
    this.#waiters.rejectAll(this.#error("CLOSED", "update", "deregistered first"));
    try {
      if (this.#written && this.#conflict === undefined) await this.#remove();
    } finally {
      this.#states.closed();
    }
  }

  async #drain(drainMs: number): Promise<void> {
    this.#desired = defineNode({ ...this.#desired, status: "draining" });
    const waiter = this.#want();
    // The wait starts when consumers can see it; a backend that is down must not hold us for ever.
    const shown = await withDeadline(
      {
        ...this.#where("drain"),
        timeoutMs: this.#callTimeoutMs,
        signal: this.#hurry.signal,
        clock: this.#clock,
      },
      () => waiter.promise,
    ).then(
      () => true,
      () => false,
    );
    this.#waiters.delete(waiter);
    if (!shown) return;
    await sleep(drainMs, this.#hurry.signal, this.#clock).catch(() => undefined);
  }

  async #remove(): Promise<void> {
    const { remove } = this.#options;
    const timeoutMs = Math.max(this.#callTimeoutMs, minRemovalMs);
    const bounds = { ...this.#where("deregister"), timeoutMs, clock: this.#clock };
    const node = this.#held ?? this.#desired;
    try {
      await removeForGood({ node, remove, bounds, random: this.#random }, this.#unanswered);
    } catch (thrown) {
      const error = asDiscoveryError(thrown, bounds);
      this.#states.publish("remove_failed", error);
      throw error;
    }
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      let waitMs: number | undefined;
      try {
        waitMs = await this.#step();
      } catch (thrown) {
        if (this.#closing.signal.aborted) return;
        waitMs = this.#failed(asDiscoveryError(thrown, this.#where("register")));
        if (waitMs === undefined) return;
      }

      await this.#pause.for(waitMs);
    }
  }

  /** One call to the backend, whichever is due; returns the time until the next one, in ms. */
  async #step(): Promise<number> {
    this.#pause.begin();
    const node = this.#desired;
    const held = this.#held;
    if (held === undefined) {
      this.#written = true;
      await this.#call("register", (signal) => this.#options.put(node, signal));
      this.#confirm(node, true);
      return this.#heartbeatInMs();
    }
    // A change that keeps failing must not cost the record its heartbeats.
    if (held !== node && this.#heartbeatInMs() > 0) return this.#change(node, held);
    const verdict = await this.#call("renew", (signal) => this.#options.renew(held, signal));
    if (verdict === "held") {
      this.#confirm(held, false);
      if (held === this.#desired) return this.#heartbeatInMs();
      return this.#backoff.failures === 0 ? 0 : this.#retryInMs();
    }
    this.#held = undefined;
    this.#states.lost(this.#error("UNAVAILABLE", "renew", "the registry no longer has the record"));
    return this.#rejoinMs();
  }

  async #change(node: ServiceNode, held: ServiceNode): Promise<number> {
    const change = this.#options.change ?? ((next, _, signal) => this.#options.put(next, signal));
    try {
      await this.#call("update", (signal) => change(node, held, signal));
      this.#confirm(node, false);
    } catch (thrown) {
      const error = asDiscoveryError(thrown, this.#where("update"));
      if (error.code === "CONFLICT" || this.#closing.signal.aborted) throw error;
      this.#states.publish("renew_failed", error);
      if (error.retryable) return this.#retryInMs();
      this.#giveUp(node, held, error);
    }
    return this.#heartbeatInMs();
  }

  /** What the backend will not have is given up, so that what it has stays alive. */
  #giveUp(node: ServiceNode, held: ServiceNode, error: DiscoveryError): void {
    const superseded = this.#desired !== node;
    if (!superseded) this.#desired = held;
    this.#waiters.refused(node, !superseded, error);
  }

  #heartbeatInMs(): number {
    return Math.max(0, this.#renewAtMs - this.#clock.monotonicMs());
  }

  /** Before the next try of a change: its backoff, unless a heartbeat is due earlier. */
  #retryInMs(): number {
    return Math.min(this.#backoff.failed(), this.#heartbeatInMs());
  }

  async #call<T>(verb: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.#cut;
    const timeoutMs = this.#callTimeoutMs;
    const bounds = { ...this.#where(verb), timeoutMs, signal, clock: this.#clock };
    try {
      const answer = await withDeadline(bounds, call);
      this.#unanswered = false;
      return answer;
    } catch (thrown) {
      const { code } = asDiscoveryError(thrown, bounds);
      this.#unanswered = signal.aborted || code === "TIMEOUT";
      throw thrown;
    }
  }

  #confirm(node: ServiceNode, entered: boolean): void {
    this.#held = node;
    this.#confirmedAtMs = this.#clock.monotonicMs();
    this.#renewAtMs = this.#confirmedAtMs + (this.#options.ttlMs / 3) * (1 - 0.1 * this.#random());
    // A heartbeat that gets through says nothing about a change that does not.
    if (node === this.#desired) this.#backoff.reset();
    this.#states.registered(entered);
    this.#entered.resolve();
    this.#waiters.held(node, node === this.#desired);
  }

  /** Returns the wait before the next attempt, in ms; `undefined`: there is none. */
  #failed(error: DiscoveryError): number | undefined {
    if (error.code === "CONFLICT") {
      // The id is somebody else's: whatever is still wanted, nothing more is written.
      this.#conflict = error;
      this.#held = undefined;
      this.#states.lost(error);
      this.#waiters.rejectAll(error);
      this.#entered.reject(error);
      return undefined;
    }
    if (this.state.generation === 0 && !error.retryable) {
      this.#entered.reject(error);
      return undefined;
    }
    this.#states.publish("renew_failed", error);
    const silentMs = this.#clock.monotonicMs() - this.#confirmedAtMs;
    // Past its TTL the record may be gone. A renewal decides, once one gets through.
    if (this.state.phase === "registered" && silentMs >= this.#options.ttlMs)
      this.#states.lost(error);
    const waitMs = this.#backoff.failed();
    // Wrong rights or input do not mend by asking often.
    return error.retryable ? waitMs : Math.max(waitMs, this.#options.ttlMs / 3);
  }

  /** Many registrations lose a restarted registry together: they return spread over a while. */
  #rejoinMs(): number {
    return this.#random() * Math.min(1_000, this.#options.ttlMs / 10);
  }

  #where(verb: string): { registry: string; operation: string } {
    return {
      registry: this.#options.registry,
      operation: `${verb} ${this.#desired.service}/${this.#desired.id}`,
    };
  }

  #error(code: "CLOSED" | "UNAVAILABLE", verb: string, reason: string): DiscoveryError {
    return new DiscoveryError({ code, ...this.#where(verb), reason });
  }
}

/** Somebody awaits `promise`, so the process stays alive until it settles. */
async function held<T>(promise: Promise<T>): Promise<T> {
  const release = holdProcess();
  try {
    return await promise;
  } finally {
    release();
  }
}
