import { DiscoveryError } from "@rollcall/core";

import { keyText, type ServiceKey } from "./names.ts";
import type { Session } from "./session.ts";
import type { StoredInstance } from "./stored-instance.ts";

/** Whoever wants an instance to be there: one registration. */
export type Publisher = object;

interface Publication {
  readonly key: ServiceKey;
  readonly wanted: Map<Publisher, StoredInstance>;
  /** Writes about one service go one after the other, each with the whole of what is wanted. */
  tail: Promise<unknown>;
}

/**
 * What this process wants to be entered in one namespace. Over gRPC the registrations of one service are
 * written together, so no single registration can write its own alone.
 */
export class Publications {
  readonly #byKey = new Map<string, Publication>();

  /**
   * Enters an instance, or changes it. When the server refuses it, what was wanted before is wanted again.
   *
   * @throws {@link DiscoveryError}; the signal's reason.
   */
  enter(
    publisher: Publisher,
    key: ServiceKey,
    instance: StoredInstance,
    session: Session,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#queue(key, async ({ wanted }) => {
      signal.throwIfAborted();
      const before = wanted.get(publisher);
      wanted.set(publisher, instance);
      try {
        await session.enter(key, [instance], [...wanted.values()], signal);
      } catch (thrown) {
        if (thrown instanceof DiscoveryError && thrown.code === "INVALID") {
          // It must not spoil what is written for the others.
          if (before === undefined) wanted.delete(publisher);
          else wanted.set(publisher, before);
        }
        throw thrown;
      }
    });
  }

  /** No longer wants it; the server learns of it with {@link Publications.leave}, or never had it. */
  forget(publisher: Publisher, key: ServiceKey): void {
    this.#byKey.get(keyText(key))?.wanted.delete(publisher);
  }

  /** Takes an instance away. */
  leave(
    publisher: Publisher,
    key: ServiceKey,
    instance: StoredInstance,
    session: Session,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#queue(key, async ({ wanted }) => {
      wanted.delete(publisher);
      await session.leave(key, instance, [...wanted.values()], signal);
    });
  }

  /**
   * Enters everything in a session that is new. What fails is left to its registration, which looks after
   * it anyway.
   */
  async restore(session: Session): Promise<void> {
    const all = [...this.#byKey.values()].map(({ key }) =>
      this.#queue(key, async ({ wanted }) => {
        // Persistent ones are still there.
        const lost = [...wanted.values()].filter(({ ephemeral }) => ephemeral);
        if (lost.length > 0 && !session.ended.aborted) {
          const signal = AbortSignal.any([session.ended]);
          await session.enter(key, lost, [...wanted.values()], signal);
        }
      }),
    );
    await Promise.allSettled(all);
  }

  /** Takes everything out of a session that another has taken the place of. */
  async clear(session: Session, signal: AbortSignal): Promise<void> {
    const all = [...this.#byKey.values()].flatMap(({ key, wanted }) =>
      [...wanted.values()]
        .filter(({ ephemeral }) => ephemeral)
        .map((instance) => session.leave(key, instance, [], AbortSignal.any([signal]))),
    );
    await Promise.allSettled(all);
  }

  #queue<T>(key: ServiceKey, step: (publication: Publication) => Promise<T>): Promise<T> {
    const text = keyText(key);
    let publication = this.#byKey.get(text);
    if (publication === undefined) {
      publication = { key, wanted: new Map(), tail: Promise.resolve() };
      this.#byKey.set(text, publication);
    }
    const own = publication;
    const done = own.tail.then(() => step(own));
    const over = (): void => {
      if (own.tail === settled && own.wanted.size === 0) this.#byKey.delete(text);
    };
    const settled: Promise<unknown> = done.then(over, over);
    own.tail = settled;
    return done;
  }
}
