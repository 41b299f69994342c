import type { AttemptOutcome } from "@rollcall/proxy";

import type { NodePool } from "../upstream/node-pool.ts";
import type { Value } from "./request-numbers.ts";

interface ServiceNumbers {
  readonly registry: string;
  readonly service: string;
  readonly byOutcome: Record<AttemptOutcome, number>;
}

const noAttempts: Readonly<Record<AttemptOutcome, number>> = {
  ok: 0,
  http_failure: 0,
  tcp_failure: 0,
  timeout: 0,
  cancelled: 0,
};

/** What was counted of one service since it was last taken. */
export type AttemptsTaken = ServiceNumbers;

/** Finished attempts by service and outcome. */
export class AttemptNumbers {
  readonly #services = new Map<string, ServiceNumbers>();
  /** Pools are made anew by a reload; their numbers go on. */
  readonly #byPool = new WeakMap<NodePool, ServiceNumbers>();
  #kept: ReadonlySet<string> | undefined;

  add(pool: NodePool, outcome: AttemptOutcome): void {
    (this.#byPool.get(pool) ?? this.#find(pool)).byOutcome[outcome] += 1;
  }

  /** Takes out what was counted; counting starts anew. */
  take(): readonly AttemptsTaken[] {
    const taken: AttemptsTaken[] = [];
    for (const { registry, service, byOutcome } of this.#services.values()) {
      if (Object.values(byOutcome).every((count) => count === 0)) continue;
      taken.push({ registry, service, byOutcome: { ...byOutcome } });
      // The pools go on with this very object.
      Object.assign(byOutcome, noAttempts);
    }
    return taken;
  }

  /** Adds what another process has taken out. */
  merge(taken: readonly AttemptsTaken[]): void {
    for (const { registry, service, byOutcome } of taken) {
      const numbers = this.#meet(registry, service);
      for (const outcome of Object.keys(byOutcome) as AttemptOutcome[]) {
        numbers.byOutcome[outcome] += byOutcome[outcome];
      }
    }
  }

  /** @param services  Keys as {@link keyOf} makes them. */
  keep(services: ReadonlySet<string>): void {
    this.#kept = services;
    for (const key of this.#services.keys()) if (!services.has(key)) this.#services.delete(key);
  }

  totals(): readonly Value[] {
    // What another process counted of a service that is no more may come in late.
    const shown = [...this.#services].filter(([key]) => this.#kept?.has(key) !== false);
    return shown.flatMap(([, { registry, service, byOutcome }]) =>
      Object.entries(byOutcome)
        .filter(([, value]) => value > 0)
        .map(([outcome, value]) => ({ value, labels: { registry, service, outcome } })),
    );
  }

  #find(pool: NodePool): ServiceNumbers {
    const numbers = this.#meet(pool.registry, pool.name);
    this.#byPool.set(pool, numbers);
    return numbers;
  }

  #meet(registry: string, service: string): ServiceNumbers {
    const key = keyOf(registry, service);
    let numbers = this.#services.get(key);
    if (numbers === undefined) {
      numbers = { registry, service, byOutcome: { ...noAttempts } };
      this.#services.set(key, numbers);
    }
    return numbers;
  }
}

/** Names a service of a registry; `fixed` and the upstream's key for nodes given by hand. */
export function keyOf(registry: string, service: string): string {
  return `${registry} ${service}`;
}
