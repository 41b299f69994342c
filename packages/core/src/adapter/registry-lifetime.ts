import { DiscoveryError } from "../error.ts";
import type { Registration } from "../registry.ts";

/** The end of a registry, and what ends with it: calls under way, registrations on their way and standing. */
export class RegistryLifetime {
  readonly #registry: string;
  readonly #ending = new AbortController();
  readonly #entering = new Set<Promise<Registration>>();
  readonly #standing = new Set<Registration>();
  #ended: Promise<void> | undefined;

  /** @param registry  Its name, for the error of whoever uses it afterwards. */
  constructor(registry: string) {
    this.#registry = registry;
  }

  /** Fires with `CLOSED` when disposal begins. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /**
   * The signal for a call: fires when the caller gives up or the registry is disposed.
   *
   * @throws its reason when it has fired already.
   */
  linked(signal: AbortSignal | undefined): AbortSignal {
    const own = this.#ending.signal;
    // Always one of its own: many listeners on a single one would look like a leak.
    const linked = AbortSignal.any(signal === undefined ? [own] : [signal, own]);
    linked.throwIfAborted();
    return linked;
  }

  /**
   * Follows a registration from its entry to its end, so that disposal leaves nothing behind.
   *
   * @param keep  Enters it, and calls `left` when it is closed.
   */
  enter(
    keep: (left: (registration: Registration) => void) => Promise<Registration>,
  ): Promise<Registration> {
    const entering = this.#enter(keep);
    this.#entering.add(entering);
    const entered = (): boolean => this.#entering.delete(entering);
    entering.then(entered, entered);
    return entering;
  }

  /**
   * Disposes the registry: what is on its way is given up, what stands is deregistered. Every call has the promise
   * of the first one.
   *
   * @param release  Closes connections; called when no registration needs them any more.
   */
  end(release: (reason: DiscoveryError) => Promise<void> | void): Promise<void> {
    this.#ended ??= this.#end(release);
    return this.#ended;
  }

  async #enter(
    keep: (left: (registration: Registration) => void) => Promise<Registration>,
  ): Promise<Registration> {
    const registration = await keep((closed) => this.#standing.delete(closed));
    this.#standing.add(registration);
    return registration;
  }

  async #end(release: (reason: DiscoveryError) => Promise<void> | void): Promise<void> {
    const reason = new DiscoveryError({
      code: "CLOSED",
      registry: this.#registry,
      operation: "use",
      reason: "the registry is disposed",
    });
    this.#ending.abort(reason);
    // What is on its way is either taken back or stands, to be deregistered with the others.
    await Promise.allSettled(this.#entering);
    await Promise.all([...this.#standing].map((one) => one[Symbol.asyncDispose]()));
    await release(reason);
  }
}
