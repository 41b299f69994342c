import { asDiscoveryError, DiscoveryError, type NodeSet, type ServiceNode } from "@rollcall/core";
import {
  type Backoff,
  createBackoff,
  jitteredInterval,
  latch,
  sleep,
} from "@rollcall/core/adapter";

import { type Apps, appKey } from "./apps.ts";
import type { EurekaClient } from "./client.ts";
import { applyDelta } from "./delta.ts";
import { isDoubtfulLoss } from "./loss.ts";
import { createDecoder, type Decoder } from "./node-set.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Server } from "./server-url.ts";

/** Everything as one server showed it, and when. */
interface State {
  readonly apps: Apps;
  readonly server: Server;
  /** When the request was sent, on the monotonic clock: the answer is at least as new. */
  readonly askedAtMs: number;
  /** Of the newest delta; starts over when the server does. */
  readonly deltaVersion: number | undefined;
}

/** Who waits for the registry's state. */
interface Watcher {
  changed(apps: Apps): void;
  failed(error: DiscoveryError): void;
}

/**
 * Changes stay in a server's delta for 180 s, and what it serves may be cached for 30 s: after a longer gap
 * some may be missing even if the hash, which only counts, happens to agree.
 */
const deltaWindowMs = 150_000;

/** Longest wait between two attempts while no server answers, in ms; never more than the interval. */
const failingCapMs = 5_000;

/**
 * Reads the registry in one loop, however many services are watched, and only while any is.
 *
 * Deltas where possible; everything for a start, after any failure, gap or mismatch, from another server,
 * and now and then anyway.
 */
export class Poller {
  readonly #client: EurekaClient;
  readonly #options: ResolvedOptions;
  readonly #decoder: Decoder;
  readonly #backoff: Backoff;
  readonly #watchers = new Set<Watcher>();
  #loop: AbortController | undefined;
  #state: State | undefined;
  /** Whether the newest poll succeeded. */
  #healthy = false;
  #dueAtMs = 0;
  #fullReadAtMs = 0;
  #noDeltaUntilMs = 0;

  constructor(client: EurekaClient, options: ResolvedOptions) {
    this.#client = client;
    this.#options = options;
    this.#decoder = createDecoder(options.name, options.weight);
    this.#backoff = createBackoff({
      baseMs: Math.min(250, options.intervalMs),
      capMs: Math.min(failingCapMs, options.intervalMs),
      random: options.random,
    });
  }

  /** One attempt to follow a service: what is known if it is current, and then each change. */
  async *watch(service: string, signal: AbortSignal): AsyncGenerator<NodeSet, void, void> {
    const key = appKey(service);
    const news = latch<Apps>(signal);
    const watcher: Watcher = {
      changed: (apps) => news.set(apps),
      failed: (error) => news.fail(error),
    };
    this.#watchers.add(watcher);
    try {
      if (this.#healthy && this.#state !== undefined && this.#ageMs() <= this.#options.intervalMs) {
        news.set(this.#state.apps);
      }
      this.#start();
      let known: ReadonlyMap<string, ServiceNode> = new Map();
      let yielded: { readonly app: unknown; readonly set: NodeSet } | undefined;
      for await (const apps of news) {
        const app = apps.byName.get(key);
        if (yielded !== undefined && yielded.app === app) continue;
        const set = this.#decoder.decode(app, known);
        const changed = yielded === undefined || !sameSet(yielded.set, set);
        yielded = { app, set };
        known = new Map(set.nodes.map((node) => [node.id, node]));
        if (changed) yield set;
      }
    } finally {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.#stop();
    }
  }

  #start(): void {
    if (this.#loop !== undefined) return;
    this.#loop = new AbortController();
    void this.#run(this.#loop.signal);
  }

  #stop(): void {
    this.#loop?.abort(new Error("nobody watches"));
    this.#loop = undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      try {
        await sleep(this.#dueAtMs - clock.monotonicMs(), signal, clock);
        await this.#step(signal);
      } catch {
        // Only an abort ends a wait or a step this way.
        return;
      }
    }
  }

  /** One poll: tells every watcher the state or the failure, and sets when the next one is due. */
  async #step(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs, random } = this.#options;
    const startedAtMs = clock.monotonicMs();
    // From start to start, so that slow answers and fail-over do not stretch the pace.
    const dueAtMs = startedAtMs + jitteredInterval(intervalMs, 0.1, random);
    try {
      const before = this.#state;
      const after = await this.#poll(startedAtMs, signal);
      signal.throwIfAborted();
      this.#state = after.state;
      this.#healthy = true;
      this.#backoff.reset();
      this.#dueAtMs = Math.max(dueAtMs, clock.monotonicMs() + intervalMs / 10);
      if (before !== undefined && after.isDoubtful) {
        this.#fail(this.#doubt(before.apps.size, after.state.apps.size));
      } else {
        for (const watcher of this.#watchers) watcher.changed(after.state.apps);
      }
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asDiscoveryError(thrown, { registry: this.#options.name, operation: "poll" });
      this.#healthy = false;
      const waitMs = error.retryable ? this.#backoff.failed() : intervalMs;
      this.#dueAtMs = clock.monotonicMs() + waitMs;
      this.#fail(error);
    }
  }

  async #poll(
    askedAtMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly state: State; readonly isDoubtful: boolean }> {
    const before = this.#state;
    let wentBack = false;
    if (before !== undefined && this.#mayUseDelta(before, askedAtMs)) {
      const delta = await this.#readDelta(before, signal);
      if (delta?.state !== undefined) {
        return { state: { ...delta.state, askedAtMs }, isDoubtful: false };
      }
      wentBack = delta?.wentBack ?? false;
    }
    const { fullReadEveryMs, clock, random } = this.#options;
    const { server, apps } = await this.#client.readAll(signal);
    this.#fullReadAtMs = clock.monotonicMs() + fullReadEveryMs * (2 / 3 + (2 / 3) * random());
    return {
      state: { apps, server, askedAtMs, deltaVersion: undefined },
      // After a failure watchers are in doubt already; a second reason adds nothing.
      isDoubtful:
        this.#healthy && before !== undefined && isDoubtfulLoss(before.apps, apps, wentBack),
    };
  }

  #mayUseDelta(before: State, nowMs: number): boolean {
    return (
      this.#options.delta &&
      this.#healthy &&
      nowMs >= this.#noDeltaUntilMs &&
      nowMs < this.#fullReadAtMs &&
      nowMs - before.askedAtMs < deltaWindowMs &&
      before.apps.size > 0
    );
  }

  /** Follows the server of the state; no state in the result means reading everything. */
  async #readDelta(
    before: State,
    signal: AbortSignal,
  ): Promise<{ readonly state?: State | undefined; readonly wentBack: boolean } | undefined> {
    try {
      const delta = await this.#client.readDelta(before.server, signal);
      if (delta === undefined) {
        const { clock, fullReadEveryMs } = this.#options;
        this.#noDeltaUntilMs = clock.monotonicMs() + fullReadEveryMs;
        return undefined;
      }
      const wentBack = (delta.version ?? 0) < (before.deltaVersion ?? 0);
      const apps = applyDelta(before.apps, delta);
      if (apps === undefined) return { wentBack };
      return { state: { ...before, apps, deltaVersion: delta.version }, wentBack };
    } catch {
      // Another server, or the full registry of this one, may still answer.
      signal.throwIfAborted();
      return undefined;
    }
  }

  #fail(error: DiscoveryError): void {
    for (const watcher of this.#watchers) watcher.failed(error);
  }

  #ageMs(): number {
    const { clock } = this.#options;
    return this.#state === undefined ? Infinity : clock.monotonicMs() - this.#state.askedAtMs;
  }

  #doubt(before: number, after: number): DiscoveryError {
    return new DiscoveryError({
      code: "UNAVAILABLE",
      registry: this.#options.name,
      operation: "fetch registry",
      reason: `${after} of ${before} records are left and nothing tells why; the server may have lost its data`,
    });
  }
}

function sameSet(a: NodeSet, b: NodeSet): boolean {
  const [rejectedA, rejectedB] = [a.rejected ?? [], b.rejected ?? []];
  return (
    a.nodes.length === b.nodes.length &&
    rejectedA.length === rejectedB.length &&
    a.nodes.every((node, index) => node === b.nodes[index]) &&
    rejectedA.every(
      ({ key, error }, index) =>
        key === rejectedB[index]?.key && error.message === rejectedB[index]?.error.message,
    )
  );
}
