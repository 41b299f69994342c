import type { AttemptOutcome } from "@rollcall/proxy";

import type { NodePool } from "../upstream/node-pool.ts";
import type { Value } from "./request-numbers.ts";

interface ServiceNumbers {
  readonly registry: string;
  readonly service: string;
  readonly byOutcome: Record<AttemptOutcome, number>;
}

/** Finished attempts by service and outcome. */
export class AttemptNumbers {
  readonly #services = new Map<string, ServiceNumbers>();
  /** Pools are made anew by a reload; their numbers go on. */
  readonly #byPool = new WeakMap<NodePool, ServiceNumbers>();

  add(pool: NodePool, outcome: AttemptOutcome): void {
    (this.#byPool.get(pool) ?? this.#find(pool)).byOutcome[outcome] += 1;
  }

  /** @param services  Keys as {@link keyOf} makes them. */
  keep(services: ReadonlySet<string>): void {
    for (const key of this.#services.keys()) if (!services.has(key)) this.#services.delete(key);
  }

  totals(): readonly Value[] {
    return [...this.#services.values()].flatMap(({ registry, service, byOutcome }) =>
      Object.entries(byOutcome)
        .filter(([, value]) => value > 0)
        .map(([outcome, value]) => ({ value, labels: { registry, service, outcome } })),
    );
  }

  #find(pool: NodePool): ServiceNumbers {
    const registry = pool.source.kind === "service" ? pool.source.registry : "fixed";
    const key = keyOf(registry, pool.name);
    let numbers = this.#services.get(key);
    if (numbers === undefined) {
      const byOutcome = { ok: 0, http_failure: 0, tcp_failure: 0, timeout: 0, cancelled: 0 };
      numbers = { registry, service: pool.name, byOutcome };
      this.#services.set(key, numbers);
    }
    this.#byPool.set(pool, numbers);
    return numbers;
  }
}

/** Names a service of a registry; `fixed` and the upstream's key for nodes given by hand. */
export function keyOf(registry: string, service: string): string {
  return `${registry} ${service}`;
}
