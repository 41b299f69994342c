type Follower = (upstream: string, unhealthy: readonly string[]) => void;

const nobody: ReadonlySet<string> = new Set();

/** Which nodes do not pass their active checks, by upstream; written by one process, followed by the others. */
export class HealthBoard {
  readonly #unhealthy = new Map<string, ReadonlySet<string>>();
  readonly #followers = new Set<Follower>();

  /** Ids of nodes of the upstream with this key. */
  of(upstream: string): ReadonlySet<string> {
    return this.#unhealthy.get(upstream) ?? nobody;
  }

  set(upstream: string, unhealthy: Iterable<string>): void {
    const ids = new Set(unhealthy);
    if (ids.size === 0) this.#unhealthy.delete(upstream);
    else this.#unhealthy.set(upstream, ids);
    for (const follower of this.#followers) follower(upstream, [...ids]);
  }

  /** Upstreams with such nodes. */
  get entries(): readonly (readonly [upstream: string, unhealthy: readonly string[]])[] {
    return [...this.#unhealthy].map(([upstream, ids]) => [upstream, [...ids]]);
  }

  /** Calls it with what is set from now on. */
  follow(follower: Follower): void {
    this.#followers.add(follower);
  }
}
