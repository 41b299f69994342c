import { Session, type SessionOptions } from "./client/session.ts";

/** A session, and how to let go of it. */
export interface SharedSession {
  readonly session: Session;
  /** Idempotent. */
  readonly release: () => void;
}

interface Entry {
  readonly session: Session;
  readonly users: Set<symbol>;
}

/**
 * Sessions by their time-out: one for everything, and one more for each other life span that registrations ask for,
 * as long as they do.
 */
export class SessionPool {
  /** For whatever asks for no life span of its own; kept until the pool is closed. */
  readonly shared: Session;
  readonly #options: SessionOptions;
  readonly #others = new Map<number, Entry>();
  readonly #ending = new Set<Session>();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.shared = new Session(options);
  }

  /** @param timeoutMs  Default: that of the pool. */
  take(timeoutMs: number = this.#options.timeoutMs): SharedSession {
    if (timeoutMs === this.#options.timeoutMs) {
      return { session: this.shared, release: () => undefined };
    }
    let entry = this.#others.get(timeoutMs);
    if (entry === undefined) {
      entry = { session: new Session({ ...this.#options, timeoutMs }), users: new Set() };
      this.#others.set(timeoutMs, entry);
    }
    const { session, users } = entry;
    const user = Symbol("user");
    users.add(user);
    const release = (): void => {
      if (!users.delete(user) || users.size > 0) return;
      this.#others.delete(timeoutMs);
      // Whoever waits for it to be closed waits for the pool.
      this.#ending.add(session);
      void session.close().then(() => this.#ending.delete(session));
    };
    return { session, release };
  }

  async close(): Promise<void> {
    const others = [...this.#others.values()].map(({ session }) => session);
    const all = [this.shared, ...others, ...this.#ending];
    await Promise.all(all.map((session) => session.close()));
  }
}
