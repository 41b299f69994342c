import type { DiscoveryError } from "@rollcall/core";
import { latch, type Latch, sleep } from "@rollcall/core/adapter";

import type { Decoded } from "./codec.ts";
import { keyText, type ServiceKey } from "./names.ts";
import type { ResolvedOptions } from "./options.ts";
import { RecordMemory } from "./record-memory.ts";
import type { ServiceInfo } from "./service-info.ts";

/** What subscriptions need of the connection they are on. */
export interface SubscriptionsContext {
  readonly options: ResolvedOptions;
  /** Fires when the connection is gone. */
  readonly ended: AbortSignal;
  readonly subscribe: (key: ServiceKey, signal: AbortSignal) => Promise<ServiceInfo>;
  readonly unsubscribe: (key: ServiceKey, signal: AbortSignal) => Promise<unknown>;
  readonly query: (key: ServiceKey, signal: AbortSignal) => Promise<ServiceInfo>;
}

interface Subscription {
  readonly key: ServiceKey;
  readonly followers: Set<Latch<readonly Decoded[]>>;
  readonly stop: AbortController;
  readonly memory: RecordMemory;
  latest: { readonly records: readonly Decoded[]; readonly lastRefTime: number } | undefined;
}

/**
 * The subscriptions of one connection: one per service however many follow it, fed by pushes, and by a full
 * query now and then, because a push that was lost leaves no trace.
 */
export class Subscriptions {
  readonly #context: SubscriptionsContext;
  readonly #byKey = new Map<string, Subscription>();
  /** Unsubscriptions under way: a server may do what follows them first. */
  readonly #leaving = new Map<string, Promise<unknown>>();

  constructor(context: SubscriptionsContext) {
    this.#context = context;
  }

  /** The newest information, now and at each change; throws when it may not hold any more. */
  async *follow(
    key: ServiceKey,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Decoded[], void, void> {
    const { ended } = this.#context;
    const news = latch<readonly Decoded[]>(AbortSignal.any([signal, ended]));
    const subscription = this.#join(key);
    subscription.followers.add(news);
    if (subscription.latest !== undefined) news.set(subscription.latest.records);
    try {
      yield* news;
    } finally {
      subscription.followers.delete(news);
      if (subscription.followers.size === 0) this.#end(subscription);
    }
  }

  /** A push. One for a service that nobody follows any more is of no interest. */
  deliver(key: ServiceKey, info: ServiceInfo): void {
    const subscription = this.#byKey.get(keyText(key));
    if (subscription !== undefined) this.#take(subscription, info);
  }

  /** A push that says nothing: what is known may be outdated. */
  fail(key: ServiceKey, error: DiscoveryError): void {
    const subscription = this.#byKey.get(keyText(key));
    if (subscription !== undefined) this.#fail(subscription, error);
  }

  #join(key: ServiceKey): Subscription {
    const known = this.#byKey.get(keyText(key));
    if (known !== undefined) return known;
    const subscription: Subscription = {
      key,
      followers: new Set(),
      stop: new AbortController(),
      memory: new RecordMemory(this.#context.options, key.service),
      latest: undefined,
    };
    this.#byKey.set(keyText(key), subscription);
    void this.#run(subscription);
    return subscription;
  }

  async #run(subscription: Subscription): Promise<void> {
    const { options, ended, subscribe, query } = this.#context;
    const { fullReadEveryMs, clock, random } = options;
    const { key, stop } = subscription;
    const signal = AbortSignal.any([stop.signal, ended]);
    try {
      await this.#leaving.get(keyText(key));
      this.#take(subscription, await subscribe(key, signal));
      for (;;) {
        await sleep(fullReadEveryMs * (2 / 3 + (2 / 3) * random()), signal, clock);
        const before = subscription.latest;
        const info = await query(key, signal);
        // Newer than all before, whatever the server's clock says; a push meanwhile may be newer still.
        if (subscription.latest === before) this.#give(subscription, info);
        else this.#take(subscription, info);
      }
    } catch (thrown) {
      if (!signal.aborted) this.#fail(subscription, thrown);
    }
  }

  /** Whoever follows is told and starts anew; so does the next. */
  #fail(subscription: Subscription, error: unknown): void {
    for (const follower of subscription.followers) follower.fail(error);
    this.#end(subscription);
  }

  #end(subscription: Subscription): void {
    const { key, stop } = subscription;
    const { ended, unsubscribe } = this.#context;
    if (this.#byKey.get(keyText(key)) !== subscription) return;
    this.#byKey.delete(keyText(key));
    stop.abort(new Error("nobody follows"));
    if (ended.aborted) return;
    // If it fails, the server forgets it with the connection at the latest.
    const leaving = unsubscribe(key, AbortSignal.any([ended])).catch(() => undefined);
    this.#leaving.set(keyText(key), leaving);
    void leaving.then(() => this.#leaving.delete(keyText(key)));
  }

  #take(subscription: Subscription, info: ServiceInfo): void {
    // A push may overtake the answer to a question that was asked before it.
    if (info.lastRefTime >= (subscription.latest?.lastRefTime ?? 0)) this.#give(subscription, info);
  }

  #give(subscription: Subscription, { hosts, lastRefTime }: ServiceInfo): void {
    const records = subscription.memory.decode(hosts);
    subscription.latest = { records, lastRefTime };
    for (const follower of subscription.followers) follower.set(records);
  }
}
