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
import { Follower } from "./follower.ts";
import { createDecoder, type Decoder } from "./node-set.ts";
import type { ResolvedOptions } from "./options.ts";

/** Who waits for the registry's state. */
interface Watcher {
  changed(apps: Apps): void;
  failed(error: DiscoveryError): void;
}

/** Longest wait between two attempts while no server answers, in ms; never more than the interval. */
const failingCapMs = 5_000;

/** Reads the registry in one loop, however many services are watched, and only while any is. */
export class Poller {
  readonly #follower: Follower;
  readonly #options: ResolvedOptions;
  readonly #decoder: Decoder;
  readonly #backoff: Backoff;
  readonly #watchers = new Set<Watcher>();
  #loop: AbortController | undefined;
  #closed = false;
  /** Whether the newest poll succeeded. */
  #healthy = false;
  #dueAtMs = 0;

  constructor(client: EurekaClient, options: ResolvedOptions) {
    this.#follower = new Follower(client, options);
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
      const { apps, ageMs } = this.#follower;
      if (this.#healthy && apps !== undefined && ageMs <= this.#options.intervalMs) news.set(apps);
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

  /** Ends the loop for good, also when a watcher that waits for nothing never hears of it. */
  close(): void {
    this.#closed = true;
    this.#stop();
  }

  #start(): void {
    if (this.#loop !== undefined || this.#closed) return;
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
      const { apps, lostOf } = await this.#follower.look(this.#healthy, signal);
      signal.throwIfAborted();
      this.#healthy = true;
      this.#backoff.reset();
      this.#dueAtMs = Math.max(dueAtMs, this.#soonestMs());
      if (lostOf !== undefined) this.#fail(this.#doubt(lostOf, apps.size));
      else for (const watcher of this.#watchers) watcher.changed(apps);
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asDiscoveryError(thrown, { registry: this.#options.name, operation: "poll" });
      this.#healthy = false;
      // Sooner than without the failure when trying again may help; later never.
      const waitMs = error.retryable ? this.#backoff.failed() : Infinity;
      const latestMs = Math.max(dueAtMs, this.#soonestMs());
      this.#dueAtMs = Math.min(clock.monotonicMs() + waitMs, latestMs);
      this.#fail(error);
    }
  }

  /** Leaves a server some rest after a poll that took longer than its interval. */
  #soonestMs(): number {
    const { clock, intervalMs } = this.#options;
    return clock.monotonicMs() + intervalMs / 10;
  }

  #fail(error: DiscoveryError): void {
    for (const watcher of this.#watchers) watcher.failed(error);
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
